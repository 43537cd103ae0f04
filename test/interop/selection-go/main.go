// Command selection-go holds a selection in Go to Signalbox's golden vectors, in the folder that its argument names. It prints
// a line for each file, and exits with 1 when a vector disagrees.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"time"
)

type tally struct{ held, wrong int }

func (t *tally) check(ok bool, what any) {
	if ok {
		t.held++
		return
	}
	t.wrong++
	text, _ := json.Marshal(what)
	fmt.Printf("  disagrees on %.300q\n", text)
}

func load(file string) object {
	text, err := os.ReadFile(filepath.Join(os.Args[1], file))
	if err != nil {
		panic(err)
	}
	vectors := object{}
	if err := json.Unmarshal(text, &vectors); err != nil {
		panic(err)
	}
	return vectors
}

func eachCase(file string, do func(vectors, each object)) {
	vectors := load(file)
	for _, each := range vectors["cases"].([]any) {
		do(vectors, each.(object))
	}
}

func hashes(t *tally) {
	eachCase("murmur3.json", func(_, each object) {
		t.check(float64(hash(each["text"].(string), uint32(each["seed"].(float64)))) == each["hash"], each)
	})
}

func splits(t *tally) {
	vectors := load("splits.json")
	for _, each := range vectors["splits"].([]any) {
		split := each.(object)
		for index, unit := range vectors["units"].([]any) {
			text := unit.(object)["text"].(string)
			t.check(pick(split["salt"].(string), split["arms"].([]any), text) == split["picked"].([]any)[index], text)
		}
	}
}

func conditions(t *tally) {
	eachCase("conditions.json", func(_, each object) {
		t.check(matches(each["condition"], each["context"].(object)) == each["matches"], each)
	})
}

func experiments(t *tally) {
	vectors := load("experiments.json")
	for _, each := range vectors["runs"].([]any) {
		run := each.(object)
		now, err := time.Parse(time.RFC3339, run["now"].(string))
		if err != nil {
			panic(err)
		}
		for _, document := range vectors["experiments"].([]any) {
			if _, name := metadataOf(document); name != run["experiment"] {
				continue
			}
			for index, context := range vectors["contexts"].([]any) {
				found := armOf(document.(object), vectors["holdouts"].([]any), context.(object), now)
				t.check(found == run["outcomes"].([]any)[index], []any{run["experiment"], context, found})
			}
		}
	}
}

func audience(t *tally) {
	eachCase("audience.json", func(vectors, each object) {
		data, err := base64.StdEncoding.DecodeString(vectors["digests"].(string))
		if err != nil {
			panic(err)
		}
		high := hash(each["text"].(string), 0)
		digest := uint64(high)<<16 + uint64(hash(each["text"].(string), high)>>16)
		member := false
		for at := 0; at < len(data); at += 6 {
			value := uint64(0)
			for _, part := range data[at : at+6] {
				value = value<<8 | uint64(part)
			}
			member = member || value == digest
		}
		t.check(float64(digest) == each["digest"] && member == each["member"], each)
	})
}

func decisions(t *tally) {
	eachCase("decisions.json", func(vectors, each object) {
		documents := vectors["documents"].([]any)
		last := len(documents) - 1
		revision, context := vectors["revision"].(float64), each["context"].(object)
		made := decide(documents[last].(object), documents[:last], revision, context, each["override"])
		t.check(reflect.DeepEqual(made, each["decision"]) || made == each["error"], []any{each["says"], made})
	})
}

func main() {
	failed := false
	for _, each := range []struct {
		name  string
		check func(*tally)
	}{{"hashes", hashes}, {"splits", splits}, {"conditions", conditions}, {"experiments", experiments}, {"audience", audience}, {"decisions", decisions}} {
		t := tally{}
		each.check(&t)
		failed = failed || t.wrong > 0 || t.held == 0
		fmt.Printf("%s: %d of %d vectors hold\n", each.name, t.held, t.held+t.wrong)
	}
	if failed {
		os.Exit(1)
	}
}
