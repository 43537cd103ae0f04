// Command conditions holds conditions against contexts, after docs/selection.md, with versions in the order of x/mod/semver. It
// holds itself to the golden vectors in the folder that its argument names, and exits with 1 when one disagrees.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

var (
	span      = regexp.MustCompile(`^\s*(\S+)\s+-\s`)
	wholeSpan = regexp.MustCompile(`^\s*v?(\d+\.\d+\.\d+)(?:\+\S+)?\s+-\s`)
	bounds    = regexp.MustCompile(`(\^|~>?|[<>]=?|=?)\s*v?([0-9xX*][0-9A-Za-z.*-]*)(?:\+[0-9A-Za-z.-]+)?`)
	toFirst   = regexp.MustCompile(`^(?:0\.)*\d+`) // that is not 0
	toSecond  = regexp.MustCompile(`^\d+(?:\.\d+)?`)
)

// Whether a version is below (-1), among (0) or above (1) those that a bound stands for: itself, or all that begin so.
func compare(version, bound string) int {
	var own, bounding [3]int
	fmt.Sscanf(version, "%d.%d.%d", &own[0], &own[1], &own[2])
	given, _ := fmt.Sscanf(bound, "%d.%d.%d", &bounding[0], &bounding[1], &bounding[2])
	order := slices.Compare(own[:given], bounding[:given])
	if order == 0 && given == 3 {
		return semver.Compare("v"+version, "v"+bound)
	}
	return order
}

func isWithin(version, operator, bound string) bool {
	order := compare(version, bound)
	switch operator {
	case "<", "<=":
		return order < 0 || order == 0 && operator == "<="
	case ">", ">=":
		return order > 0 || order == 0 && operator == ">="
	case "^":
		return order >= 0 && compare(version, toFirst.FindString(bound)) <= 0
	case "~", "~>":
		return order >= 0 && compare(version, toSecond.FindString(bound)) <= 0
	}
	return order == 0
}

func inRange(text, wanted string) bool {
	version := strings.TrimPrefix(strings.TrimSpace(text), "v")
	if v := "v" + version; !semver.IsValid(v) || semver.Canonical(v)+semver.Build(v) != v { // v1 and v1.2 are valid
		return false
	}
	isOutside := func(each []string) bool { return !isWithin(version, each[1], each[2]) }
	for _, alternative := range strings.Split(wanted, "||") {
		alternative = wholeSpan.ReplaceAllString(alternative, ">=$1-0 <=")
		alternative = span.ReplaceAllString(alternative, ">=$1 <=")
		if !slices.ContainsFunc(bounds.FindAllStringSubmatch(alternative, -1), isOutside) {
			return true
		}
	}
	return false
}

// A test that only values of one type pass.
func of[T any](passes func(found, wanted T) bool) func(found, wanted any) bool {
	return func(found, wanted any) bool {
		value, ok := found.(T)
		operand, isAlike := wanted.(T)
		return ok && isAlike && passes(value, operand)
	}
}

var operators = map[string]func(found, wanted any) bool{
	"exists": func(found, wanted any) bool { return (found != nil) == wanted },
	"eq":     func(found, wanted any) bool { return found == wanted },
	"ne": func(found, wanted any) bool {
		return reflect.TypeOf(found) == reflect.TypeOf(wanted) && found != wanted
	},
	"in": func(found, wanted any) bool { return slices.Contains(wanted.([]any), found) },
	"notIn": func(found, wanted any) bool {
		values, isAlike := wanted.([]any), func(each any) bool { return reflect.TypeOf(each) == reflect.TypeOf(found) }
		return slices.ContainsFunc(values, isAlike) && !slices.Contains(values, found)
	},
	"lt":         of(func(found, wanted float64) bool { return found < wanted }),
	"lte":        of(func(found, wanted float64) bool { return found <= wanted }),
	"gt":         of(func(found, wanted float64) bool { return found > wanted }),
	"gte":        of(func(found, wanted float64) bool { return found >= wanted }),
	"startsWith": of(strings.HasPrefix),
	"endsWith":   of(strings.HasSuffix),
	"contains": func(found, wanted any) bool {
		list, _ := found.([]any)
		return slices.Contains(list, wanted) || of(strings.Contains)(found, wanted)
	},
	"matches": of(func(found, wanted string) bool { return regexp.MustCompile(wanted).MatchString(found) }),
	"semver":  of(inRange),
}

func matches(condition any, context map[string]any) bool {
	holds, isTrue := true, func(part any) bool { return matches(part, context) }
	for key, value := range condition.(map[string]any) {
		switch key {
		case "and":
			holds = holds && !slices.ContainsFunc(value.([]any), func(part any) bool { return !isTrue(part) })
		case "or":
			holds = holds && slices.ContainsFunc(value.([]any), isTrue)
		case "not":
			holds = holds && !isTrue(value)
		default:
			tests, ok := value.(map[string]any)
			if !ok {
				tests = map[string]any{"eq": value}
			}
			for operator, wanted := range tests {
				holds = holds && operators[operator](context[key], wanted)
			}
		}
	}
	return holds
}

func main() {
	var vectors struct {
		Cases []struct {
			Condition, Context map[string]any
			Matches            bool
		}
	}
	text, err := os.ReadFile(os.Args[1] + "/conditions.json")
	if err := cmp.Or(err, json.Unmarshal(text, &vectors)); err != nil {
		log.Fatal(err)
	}
	wrong, all := 0, len(vectors.Cases)
	for _, each := range vectors.Cases {
		if matches(each.Condition, each.Context) != each.Matches {
			wrong++
			fmt.Printf("  disagrees on %.300q\n", fmt.Sprint(each))
		}
	}
	fmt.Printf("conditions: %d of %d vectors hold\n", all-wrong, all)
	if wrong > 0 || all == 0 {
		os.Exit(1)
	}
}
