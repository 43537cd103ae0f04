package main

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/murmur3"
)

// Model selection after docs/selection.md and docs/bucketing.md, on documents as encoding/json reads them.
type object = map[string]any

func hash(text string, seed uint32) uint32 { return murmur3.SeedSum32(seed, []byte(text)) }

func pick(salt string, arms []any, unit string) string {
	bucket := hash(salt+":"+unit, 0)
	best, lowest := "", math.Inf(1)
	for _, each := range arms {
		arm := each.(object)
		name, weight := arm["name"].(string), arm["weight"].(float64)
		score := -math.Log((float64(hash(name, bucket))+0.5)/(1<<32)) / weight
		if weight > 0 && score < lowest {
			best, lowest = name, score
		}
	}
	return best
}

func unitOf(context object, attribute string) (string, bool) {
	switch value := context[attribute].(type) {
	case string:
		return value, value != ""
	case float64:
		if math.Abs(value) < 1e21 {
			return strconv.FormatFloat(value, 'f', -1, 64), true
		}
		return strconv.FormatFloat(value, 'e', -1, 64), true
	}
	return "", false
}

func sameType(a, b any) bool { return fmt.Sprintf("%T", a) == fmt.Sprintf("%T", b) }

func isScalar(value any) bool {
	switch value.(type) {
	case string, float64, bool:
		return true
	}
	return false
}

func holds(operator string, wanted, found any) bool {
	list, isList := found.([]any)
	if operator == "exists" {
		return (isScalar(found) || isList) == wanted.(bool)
	}
	if isList {
		return operator == "contains" && slices.Contains(list, wanted)
	}
	if values, isSet := wanted.([]any); isSet && isScalar(found) {
		ofType := slices.ContainsFunc(values, func(each any) bool { return sameType(each, found) })
		return ofType && slices.Contains(values, found) == (operator == "in")
	}
	if !isScalar(found) || !sameType(found, wanted) {
		return false
	}
	number, isNumber := found.(float64)
	text, isText := found.(string)
	switch {
	case operator == "eq" || operator == "ne":
		return (found == wanted) == (operator == "eq")
	case isNumber:
		limit := wanted.(float64)
		return operator == "lt" && number < limit || operator == "lte" && number <= limit ||
			operator == "gt" && number > limit || operator == "gte" && number >= limit
	case isText && operator == "matches":
		return regexp.MustCompile(wanted.(string)).MatchString(text)
	}
	tests := map[string]func(string, string) bool{
		"startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix, "contains": strings.Contains,
		"semver": inRange,
	}
	return isText && tests[operator] != nil && tests[operator](text, wanted.(string))
}

func matches(condition any, context object) bool {
	inside := func(part any) bool { return matches(part, context) }
	terms, _ := condition.(object)
	for key, value := range terms {
		ok := true
		switch operators, isObject := value.(object); {
		case key == "and":
			ok = !slices.ContainsFunc(value.([]any), func(part any) bool { return !inside(part) })
		case key == "or":
			ok = slices.ContainsFunc(value.([]any), inside)
		case key == "not":
			ok = !inside(value)
		case isObject:
			for operator, wanted := range operators {
				ok = ok && holds(operator, wanted, context[key])
			}
		default:
			ok = holds("eq", value, context[key])
		}
		if !ok {
			return false
		}
	}
	return true
}

func between(salt, unit string, slice object) bool {
	position := float64(hash(salt+":"+unit, 0)) * 100
	return position >= slice["from"].(float64)*(1<<32) && position < slice["to"].(float64)*(1<<32)
}

func isRunning(spec object, now time.Time) bool {
	for field, isAfter := range map[string]bool{"start": true, "end": false} {
		if text, ok := spec[field].(string); ok {
			moment, err := time.Parse(time.RFC3339, text)
			if err != nil || !now.Before(moment) != isAfter {
				return false
			}
		}
	}
	return true
}

// The value of a cell that begins with the prefix.
func cellOf(cells any, prefix string) string {
	list, isList := cells.([]any)
	if !isList {
		list = []any{cells}
	}
	for _, each := range list {
		if cell, ok := each.(string); ok && strings.HasPrefix(cell, prefix) {
			return cell[len(prefix):]
		}
	}
	return ""
}
