package main

import (
	"fmt"
	"maps"
	"time"
)

func metadataOf(document any) (namespace, name string) {
	metadata := document.(object)["metadata"].(object)
	return metadata["namespace"].(string), metadata["name"].(string)
}

// The name of the arm that an experiment puts a context into, or why it does not take it.
func armOf(experiment object, holdouts []any, context object, now time.Time) string {
	spec := experiment["spec"].(object)
	namespace, name := metadataOf(experiment)
	if !isRunning(spec, now) {
		return "not_running"
	}
	if !matches(spec["when"], context) {
		return "not_matched"
	}
	allocation, arms := spec["allocation"].(object), spec["arms"].([]any)
	layer, hasLayer := spec["layer"].(object)
	unit, hasUnit := unitOf(context, spec["unit"].(string))
	needsUnit := hasLayer || allocation["by"] == "hash"
	for _, each := range holdouts {
		held := each.(object)["spec"].(object)
		if held["unit"] != spec["unit"] {
			continue
		}
		needsUnit = true
		_, holdout := metadataOf(each)
		salt := fmt.Sprintf("holdout:%s/%s:%v", namespace, holdout, held["iteration"])
		if hasUnit && between(salt, unit, object{"from": 0.0, "to": held["percent"]}) {
			return "held_out"
		}
	}
	if needsUnit && !hasUnit {
		return "unit_missing"
	}
	if hasLayer {
		inside := false
		for _, slice := range layer["slices"].([]any) {
			inside = inside || between(fmt.Sprintf("layer:%s/%s", namespace, layer["name"]), unit, slice.(object))
		}
		if !inside {
			return "outside_slices"
		}
	}
	if allocation["by"] == "hash" {
		salt, ok := spec["salt"].(string)
		if !ok {
			salt = fmt.Sprintf("experiment:%s/%s", namespace, name)
		}
		return pick(fmt.Sprintf("%s:%v", salt, spec["iteration"]), arms, unit)
	}
	key, ok := allocation["key"].(string)
	if !ok {
		key = name
	}
	cell := cellOf(context[allocation["attribute"].(string)], key+"=")
	if armNamed(arms, cell) == nil {
		return "no_cell"
	}
	return cell
}

func armNamed(arms []any, name string) object {
	for _, each := range arms {
		if arm := each.(object); arm["name"] == name {
			return arm
		}
	}
	return nil
}

// The decision for a context, or a code of an error; the models are those that the objective names.
func decide(objective object, models []any, revision float64, context object, override any) any {
	spec := objective["spec"].(object)
	namespace, short := metadataOf(objective)
	name := namespace + "/" + short
	versions := map[string]object{}
	for _, model := range models {
		_, modelName := metadataOf(model)
		for _, each := range model.(object)["spec"].(object)["versions"].([]any) {
			parameters, _ := each.(object)["parameters"].(object)
			versions[fmt.Sprintf("%s@%s", modelName, each.(object)["version"])] = parameters
		}
	}
	versionOf := func(target object) string { return fmt.Sprintf("%s@%s", target["model"], target["version"]) }
	byDefault := spec["default"].(object)
	reason := "rule"
	decision := func(target object, rule string, variant any, reason string) object {
		key, fallback := name+"/"+versionOf(target), []any{name + "/" + versionOf(byDefault)}
		if fallback[0] == key {
			fallback = []any{}
		}
		parameters := object{}
		maps.Copy(parameters, versions[versionOf(target)])
		own, _ := target["parameters"].(object)
		maps.Copy(parameters, own)
		shadows := []any{}
		for _, each := range spec["shadow"].([]any) {
			shadow := maps.Clone(each.(object))
			shadow["routingKey"] = name + "/" + versionOf(shadow)
			if shadow["routingKey"] != key {
				shadows = append(shadows, shadow)
			}
		}
		return object{"objective": name, "rule": rule, "variant": variant, "model": target["model"], "version": target["version"],
			"parameters": parameters, "routingKey": key, "revision": revision, "shadows": shadows,
			"ttlMs": spec["policy"].(object)["ttlMs"], "fallbackKeys": fallback, "reason": reason}
	}
	if wanted, ok := override.(object); ok {
		target := object{"model": byDefault["model"]}
		maps.Copy(target, wanted)
		if _, known := versions[versionOf(target)]; !known {
			return "override_unknown_version"
		}
		return decision(target, "override", nil, "override")
	}
	for _, each := range spec["rules"].([]any) {
		rule := each.(object)
		if !matches(rule["when"], context) {
			continue
		}
		if target, ok := rule["serve"].(object); ok {
			return decision(target, rule["name"].(string), nil, reason)
		}
		unit, hasUnit := unitOf(context, spec["unit"].(string))
		if !hasUnit {
			reason = "unit_missing"
			continue
		}
		split := rule["split"].(object)
		salt, ok := split["salt"].(string)
		if !ok {
			salt = name + "/" + rule["name"].(string)
		}
		arm := pick(salt, split["variants"].([]any), unit)
		return decision(armNamed(split["variants"].([]any), arm), rule["name"].(string), arm, reason)
	}
	if reason == "rule" {
		reason = "default"
	}
	return decision(byDefault, "default", nil, reason)
}
