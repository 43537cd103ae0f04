// Command decisions makes whole decisions of rules and overrides, after docs/selection.md and docs/bucketing.md. It holds itself
// to the golden vectors in the folder that its argument names, and exits with 1 when one disagrees.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/twmb/murmur3"
)

type object = map[string]any

// A model or an objective.
type document struct {
	Metadata struct{ Namespace, Name string }
	Spec     struct {
		Versions, Shadow []object
		Unit             string
		Default, Policy  object
		Rules            []struct {
			Name        string
			When, Serve object
			Split       struct {
				Salt     string
				Variants []object
			}
		}
	}
}

func pick(salt string, arms []object, unit string) object {
	bucket := murmur3.StringSum32(salt + ":" + unit)
	score := func(each object) float64 { // infinite for a weight of 0
		hash := float64(murmur3.SeedStringSum32(bucket, each["name"].(string)))
		return -math.Log((hash+0.5)/(1<<32)) / each["weight"].(float64)
	}
	return slices.MinFunc(arms, func(a, b object) int { return cmp.Compare(score(a), score(b)) })
}

// Equality, `in` and `endsWith`, which is all that these rules ask for; the command conditions has all operators.
func matches(condition, context object) bool {
	for attribute, wanted := range condition {
		operators, isObject := wanted.(object)
		values, isSet := operators["in"].([]any)
		suffix, isEnd := operators["endsWith"].(string)
		text, _ := context[attribute].(string)
		if !isObject && context[attribute] != wanted || isSet && !slices.Contains(values, any(text)) ||
			isEnd && !strings.HasSuffix(text, suffix) {
			return false
		}
	}
	return true
}

// What the rules choose: a model version, and the rule, the variant and the reason for it.
func choose(name string, objective document, context object) (chosen object, by string, variant any, reason string) {
	unit, _ := context[objective.Spec.Unit].(string)
	if number, ok := context[objective.Spec.Unit].(float64); ok {
		text, _ := json.Marshal(number) // as ECMAScript writes it
		unit = string(text)
	}
	for _, rule := range objective.Spec.Rules {
		switch {
		case !matches(rule.When, context):
		case rule.Serve != nil:
			return rule.Serve, rule.Name, nil, cmp.Or(reason, "rule")
		case unit == "":
			reason = "unit_missing"
		default:
			arm := pick(cmp.Or(rule.Split.Salt, name+"/"+rule.Name), rule.Split.Variants, unit)
			return arm, rule.Name, arm["name"], "rule"
		}
	}
	return objective.Spec.Default, "default", nil, cmp.Or(reason, "default")
}

func versionOf(target object) string { return fmt.Sprintf("%s@%s", target["model"], target["version"]) }

// A decision as it is in JSON, given the parameters of all model versions, or the code of an error.
func decide(objective document, versions map[string]object, revision float64, context, override object) any {
	name, spec := objective.Metadata.Namespace+"/"+objective.Metadata.Name, objective.Spec
	chosen, rule, variant, reason := choose(name, objective, context)
	if override != nil {
		chosen, rule, variant, reason = object{"model": spec.Default["model"]}, "override", nil, "override"
		maps.Copy(chosen, override)
	}
	inherited, isKnown := versions[versionOf(chosen)]
	if !isKnown {
		return "override_unknown_version"
	}
	own, _ := chosen["parameters"].(object)
	key, parameters, shadows, fallbackKeys := name+"/"+versionOf(chosen), object{}, []any{}, []any{}
	maps.Copy(parameters, inherited)
	maps.Copy(parameters, own)
	for _, each := range spec.Shadow {
		if each["routingKey"] = name + "/" + versionOf(each); each["routingKey"] != key {
			shadows = append(shadows, each)
		}
	}
	if fallback := name + "/" + versionOf(spec.Default); fallback != key {
		fallbackKeys = append(fallbackKeys, fallback)
	}
	return object{"objective": name, "rule": rule, "variant": variant, "model": chosen["model"], "version": chosen["version"],
		"parameters": parameters, "routingKey": key, "ttlMs": spec.Policy["ttlMs"], "shadows": shadows,
		"fallbackKeys": fallbackKeys, "reason": reason, "revision": revision}
}

func main() {
	var vectors struct {
		Revision  float64
		Documents []document
		Cases     []struct {
			Context, Override, Decision object
			Error                       string
		}
	}
	text, err := os.ReadFile(os.Args[1] + "/decisions.json")
	if err := cmp.Or(err, json.Unmarshal(text, &vectors)); err != nil {
		log.Fatal(err)
	}
	versions := map[string]object{}
	for _, model := range vectors.Documents {
		for _, each := range model.Spec.Versions {
			each["model"] = model.Metadata.Name
			versions[versionOf(each)], _ = each["parameters"].(object)
		}
	}
	wrong, all, objective := 0, len(vectors.Cases), vectors.Documents[len(vectors.Documents)-1]
	for _, each := range vectors.Cases {
		made := decide(objective, versions, vectors.Revision, each.Context, each.Override)
		if !reflect.DeepEqual(made, each.Decision) && made != each.Error {
			wrong++
			fmt.Printf("  disagrees on %.300q\n", fmt.Sprint(each.Context, each.Override, made))
		}
	}
	fmt.Printf("decisions: %d of %d vectors hold\n", all-wrong, all)
	if wrong > 0 || all == 0 {
		os.Exit(1)
	}
}
