package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// Version ranges after docs/selection.md. Versions have a leading v, as golang.org/x/mod/semver wants it.

const part = `(?:0|[1-9][0-9]*|[xX*])`
const shortened = `v?(` + part + `(?:\.` + part + `){0,2}(?:-[0-9A-Za-z.-]+)?)(?:\+[0-9A-Za-z.-]+)?`

var bound = regexp.MustCompile(`(\^|~>?|[<>]=?|=|)\s*` + shortened)
var span = regexp.MustCompile(`^\s*` + shortened + `\s+-\s+` + shortened + `\s*$`)

// The numbers of a version that are given, up to the first wildcard, and its pre-release.
func takeApart(text string) (numbers []int, prerelease string) {
	core, prerelease, _ := strings.Cut(text, "-")
	for _, each := range strings.Split(core, ".") {
		number, err := strconv.Atoi(each)
		if err != nil {
			break
		}
		numbers = append(numbers, number)
	}
	return numbers, prerelease
}

func version(numbers []int, prerelease string) string {
	padded := append(append([]int{}, numbers...), 0, 0, 0)
	text := fmt.Sprintf("v%d.%d.%d", padded[0], padded[1], padded[2])
	if prerelease != "" {
		text += "-" + prerelease
	}
	return text
}

// The lowest version above all that begin with so many of the numbers.
func after(numbers []int, count int) string {
	above := append([]int{}, numbers[:count]...)
	above[count-1]++
	return version(above, "0")
}

type end struct{ operator, version string }

func bounds(operator, text string) []end {
	numbers, prerelease := takeApart(text)
	count := len(numbers)
	if count == 0 {
		if operator == "<" || operator == ">" {
			return []end{{"<", version(nil, "0")}}
		}
		return nil
	}
	isWhole := count == 3
	if !isWhole {
		prerelease = "0"
	}
	low := version(numbers, prerelease)
	switch {
	case strings.HasPrefix(operator, "~"):
		return []end{{">=", low}, {"<", after(numbers, min(count, 2))}}
	case operator == "^":
		first := 0
		for first < count-1 && numbers[first] == 0 {
			first++
		}
		return []end{{">=", low}, {"<", after(numbers, first+1)}}
	case isWhole || operator == ">=" || operator == "<":
		return []end{{operator, low}}
	case operator == ">":
		return []end{{">=", after(numbers, count)}}
	case operator == "<=":
		return []end{{"<", after(numbers, count)}}
	}
	return []end{{">=", low}, {"<", after(numbers, count)}}
}

// From one version to another; whole ones without a pre-release count with theirs.
func fromTo(first, last string) []end {
	low, lowPre := takeApart(first)
	high, highPre := takeApart(last)
	if lowPre == "" {
		lowPre = "0"
	}
	ends := []end{{">=", version(low, lowPre)}}
	if highPre != "" {
		return append(ends, end{"<=", version(high, highPre)})
	}
	if len(high) > 0 {
		ends = append(ends, end{"<", after(high, len(high))})
	}
	return ends
}

func (e end) holds(version string) bool {
	switch order := semver.Compare(version, e.version); e.operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	default:
		return order == 0
	}
}

func inRange(text, wanted string) bool {
	version := "v" + strings.TrimPrefix(strings.TrimSpace(text), "v")
	// The package knows v1 and v1.2 too.
	if !semver.IsValid(version) || semver.Canonical(version)+semver.Build(version) != version {
		return false
	}
	for _, alternative := range strings.Split(wanted, "||") {
		ends := []end{}
		if whole := span.FindStringSubmatch(alternative); whole != nil {
			ends = fromTo(whole[1], whole[2])
		} else {
			for _, each := range bound.FindAllStringSubmatch(alternative, -1) {
				ends = append(ends, bounds(each[1], each[2])...)
			}
		}
		if !slices.ContainsFunc(ends, func(each end) bool { return !each.holds(version) }) {
			return true
		}
	}
	return false
}
