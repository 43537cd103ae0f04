// Command allocation picks arms of splits and finds units in audiences, after docs/bucketing.md. It holds itself to the golden
// vectors in the folder that its argument names, prints a line for each file, and exits with 1 when a vector disagrees.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/twmb/murmur3"
)

type arm struct {
	Name   string
	Weight float64
}

func pick(salt string, arms []arm, unit string) string {
	bucket := murmur3.StringSum32(salt + ":" + unit)
	score := func(each arm) float64 { // infinite for a weight of 0
		return -math.Log((float64(murmur3.SeedStringSum32(bucket, each.Name))+0.5)/(1<<32)) / each.Weight
	}
	return slices.MinFunc(arms, func(a, b arm) int { return cmp.Compare(score(a), score(b)) }).Name
}

// The 48 bits that an audience holds of a unit.
func digestOf(unit string) uint64 {
	high := murmur3.StringSum32(unit)
	return uint64(high)<<16 | uint64(murmur3.SeedStringSum32(high, unit)>>16)
}

// An audience as a set of digests, of 6 bytes each with the highest first.
func membersOf(digests []byte) map[uint64]bool {
	members := map[uint64]bool{}
	for ; len(digests) >= 6; digests = digests[6:] {
		member := uint64(0)
		for _, part := range digests[:6] {
			member = member<<8 | uint64(part)
		}
		members[member] = true
	}
	return members
}

type verdict struct {
	holds bool
	of    any
}

func hashes(read func(vectors any)) (verdicts []verdict) {
	var vectors struct {
		Cases []struct {
			Text       string
			Seed, Hash uint32
		}
	}
	read(&vectors)
	for _, each := range vectors.Cases {
		verdicts = append(verdicts, verdict{murmur3.SeedStringSum32(each.Seed, each.Text) == each.Hash, each})
	}
	return verdicts
}

func splits(read func(vectors any)) (verdicts []verdict) {
	var vectors struct {
		Units  []struct{ Text string }
		Splits []struct {
			Salt   string
			Arms   []arm
			Picked []string
		}
	}
	read(&vectors)
	for _, split := range vectors.Splits {
		for index, unit := range vectors.Units {
			holds := pick(split.Salt, split.Arms, unit.Text) == split.Picked[index]
			verdicts = append(verdicts, verdict{holds, []any{split.Salt, unit}})
		}
	}
	return verdicts
}

func audience(read func(vectors any)) (verdicts []verdict) {
	var vectors struct {
		Digests []byte
		Cases   []struct {
			Text   string
			Digest uint64
			Member bool
		}
	}
	read(&vectors)
	members := membersOf(vectors.Digests)
	for _, each := range vectors.Cases {
		digest := digestOf(each.Text)
		verdicts = append(verdicts, verdict{digest == each.Digest && members[digest] == each.Member, each})
	}
	return verdicts
}

func main() {
	failed := false
	for _, each := range []struct {
		name, file string
		check      func(read func(vectors any)) []verdict
	}{{"hashes", "murmur3.json", hashes}, {"splits", "splits.json", splits}, {"audience", "audience.json", audience}} {
		verdicts := each.check(func(vectors any) {
			text, err := os.ReadFile(os.Args[1] + "/" + each.file)
			if err == nil {
				err = json.Unmarshal(text, vectors)
			}
			if err != nil {
				panic(err)
			}
		})
		held := 0
		for _, each := range verdicts {
			if each.holds {
				held++
			} else {
				fmt.Printf("  disagrees on %.300q\n", fmt.Sprint(each.of))
			}
		}
		failed = failed || held < len(verdicts) || held == 0
		fmt.Printf("%s: %d of %d vectors hold\n", each.name, held, len(verdicts))
	}
	if failed {
		os.Exit(1)
	}
}
