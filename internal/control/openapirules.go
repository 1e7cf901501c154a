package control

import (
	"encoding/json"

	"github.com/ocifake/ocifake/internal/effect"
)

// schemas returns the components, including those of rules, which are derived from the tables of
// package faults.
func schemas() (map[string]any, error) {
	var all map[string]any
	if err := json.Unmarshal(components, &all); err != nil {
		return nil, err
	}
	all["Rule"] = ruleSchema()
	all["Effect"] = effectSchema()
	return all, nil
}

func ruleSchema() object {
	properties := object{}
	for _, a := range effect.RuleFields() {
		properties[a.Name] = argumentSchema(a)
	}
	effects := object{"type": "array", "items": object{"$ref": "#/components/schemas/Effect"}}
	for _, name := range []string{"do", "seq"} {
		described := properties[name].(object)
		described["items"] = effects["items"]
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

// effectSchema describes an effect: a name, or an object with the name as its only field.
func effectSchema() object {
	var names []string
	properties := object{}
	for _, k := range effect.Kinds() {
		names = append(names, k.Name)
		properties[k.Name] = kindSchema(k)
	}
	return object{
		"description": "The name of an effect, or an object with the name and the arguments.",
		"oneOf": []object{
			{"type": "string", "enum": names},
			{"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false, "properties": properties},
		},
	}
}

// kindSchema describes the arguments of an effect: an object, or only the main argument.
func kindSchema(k effect.Kind) object {
	arguments := object{}
	forms := []object{
		{"type": "object", "additionalProperties": false, "properties": arguments},
		{"type": "null"},
	}
	for _, a := range k.Args {
		arguments[a.Name] = argumentSchema(a)
		if a.Name == k.Main {
			forms = append(forms, argumentSchema(a))
		}
	}
	if k.Name == "all" {
		return object{"description": k.Doc, "type": "array", "items": object{"$ref": "#/components/schemas/Effect"}}
	}
	return object{"description": k.Doc, "oneOf": forms}
}

// jsonTypes maps types of arguments to JSON types.
var jsonTypes = map[string]any{
	"integer": "integer", "number": "number", "text": "string", "boolean": "boolean", "duration": "string", "size": []string{"string", "integer"},
	"list": "array", "mapping": "object",
}

func argumentSchema(a effect.Argument) object {
	schema := object{"description": a.Doc}
	if t := jsonTypes[a.Type]; t != nil {
		schema["type"] = t
	}
	return schema
}
