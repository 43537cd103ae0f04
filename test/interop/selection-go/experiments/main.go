// Command experiments puts contexts into arms, after docs/selection.md and docs/bucketing.md: times, holdouts, layers, cells.
// It holds itself to the golden vectors in the folder that its argument names, and exits with 1 when one disagrees.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/murmur3"
)

type arm struct {
	Name   string
	Weight float64
}

type slice struct{ From, To float64 } // in percent

// An experiment or a holdout.
type document struct {
	Metadata struct{ Namespace, Name string }
	Spec     struct {
		Unit, Salt string
		Iteration  int
		Percent    float64
		Start, End time.Time
		When       map[string]any
		Layer      *struct {
			Name   string
			Slices []slice
		}
		Allocation struct{ By, Attribute, Key string }
		Arms       []arm
	}
}

func pick(salt string, arms []arm, unit string) string {
	bucket := murmur3.StringSum32(salt + ":" + unit)
	score := func(each arm) float64 { // infinite for a weight of 0
		return -math.Log((float64(murmur3.SeedStringSum32(bucket, each.Name))+0.5)/(1<<32)) / each.Weight
	}
	return slices.MinFunc(arms, func(a, b arm) int { return cmp.Compare(score(a), score(b)) }).Name
}

func isInside(salt, unit string, parts ...slice) bool {
	percent := float64(murmur3.StringSum32(salt+":"+unit)) * 100 / (1 << 32) // exact
	return slices.ContainsFunc(parts, func(each slice) bool { return each.From <= percent && percent < each.To })
}

// The text of a unit; empty when there is none.
func unitText(value any) string {
	text, _ := value.(string)
	if number, ok := value.(float64); ok {
		written, _ := json.Marshal(number) // as ECMAScript does
		return string(written)
	}
	return text
}

// Equality and `not`, which is all that these experiments ask for; the command conditions has the operators.
func matches(condition, context map[string]any) bool {
	for key, wanted := range condition {
		if key == "not" && matches(wanted.(map[string]any), context) || key != "not" && context[key] != wanted {
			return false
		}
	}
	return true
}

// The arm that the first cell with the prefix names, if there is such an arm.
func cellArm(cells any, prefix string, arms []arm) string {
	list, isList := cells.([]any)
	if !isList {
		list = []any{cells}
	}
	first := slices.IndexFunc(list, func(each any) bool { return strings.HasPrefix(fmt.Sprint(each), prefix) })
	for _, each := range arms {
		if first >= 0 && list[first] == prefix+each.Name {
			return each.Name
		}
	}
	return "no_cell"
}

// The name of the arm that an experiment puts a context into, or why it does not take it.
func armOf(experiment document, holdouts []document, context map[string]any, now time.Time) string {
	metadata, spec := experiment.Metadata, experiment.Spec
	unit, layer, allocation := unitText(context[spec.Unit]), spec.Layer, spec.Allocation
	applies := func(each document) bool { return each.Spec.Unit == spec.Unit }
	holdsOut := func(each document) bool {
		salt := fmt.Sprintf("holdout:%s/%s:%d", each.Metadata.Namespace, each.Metadata.Name, each.Spec.Iteration)
		return applies(each) && isInside(salt, unit, slice{0, each.Spec.Percent})
	}
	switch {
	case now.Before(spec.Start) || !spec.End.IsZero() && !now.Before(spec.End):
		return "not_running"
	case !matches(spec.When, context):
		return "not_matched"
	case unit == "" && (allocation.By == "hash" || layer != nil || slices.ContainsFunc(holdouts, applies)):
		return "unit_missing"
	case slices.ContainsFunc(holdouts, holdsOut):
		return "held_out"
	case layer != nil && !isInside("layer:"+metadata.Namespace+"/"+layer.Name, unit, layer.Slices...):
		return "outside_slices"
	case allocation.By == "cells":
		return cellArm(context[allocation.Attribute], cmp.Or(allocation.Key, metadata.Name)+"=", spec.Arms)
	}
	salt := cmp.Or(spec.Salt, "experiment:"+metadata.Namespace+"/"+metadata.Name)
	return pick(fmt.Sprintf("%s:%d", salt, spec.Iteration), spec.Arms, unit)
}

func main() {
	var vectors struct {
		Holdouts, Experiments []document
		Contexts              []map[string]any
		Runs                  []struct {
			Experiment string
			Now        time.Time
			Outcomes   []string
		}
	}
	text, err := os.ReadFile(os.Args[1] + "/experiments.json")
	if err := cmp.Or(err, json.Unmarshal(text, &vectors)); err != nil {
		log.Fatal(err)
	}
	wrong, all := 0, len(vectors.Runs)*len(vectors.Contexts)
	for _, run := range vectors.Runs {
		isWanted := func(each document) bool { return each.Metadata.Name == run.Experiment }
		experiment := vectors.Experiments[slices.IndexFunc(vectors.Experiments, isWanted)]
		for index, context := range vectors.Contexts {
			if found := armOf(experiment, vectors.Holdouts, context, run.Now); found != run.Outcomes[index] {
				wrong++
				fmt.Printf("  disagrees on %.300q\n", fmt.Sprint(run.Experiment, context, found))
			}
		}
	}
	fmt.Printf("experiments: %d of %d vectors hold\n", all-wrong, all)
	if wrong > 0 || all == 0 {
		os.Exit(1)
	}
}
