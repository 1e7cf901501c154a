package control

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// components are the schemas of request and response bodies, by name.
//
//go:embed schemas.json
var components []byte

// document sends the OpenAPI document, which is derived from the routes.
func (a *API) document(w http.ResponseWriter, _ *request) error {
	d, err := newDocument(a.config.Version)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, d)
	return nil
}

type object = map[string]any

// Document returns the OpenAPI document of the API in JSON.
func Document(version string) ([]byte, error) {
	d, err := newDocument(version)
	if err != nil {
		return nil, err
	}
	return json.Marshal(d)
}

func newDocument(version string) (object, error) {
	all, err := schemas()
	if err != nil {
		return nil, err
	}
	paths := map[string]object{}
	for _, row := range routes() {
		path := prefix + row.path
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path][strings.ToLower(row.method)] = row.document()
	}
	return object{
		"openapi": "3.1.1",
		"info": object{
			"title": "ocifake control API", "version": version,
			"license": object{"name": "Apache 2.0", "identifier": "Apache-2.0"},
			"description": "The control API shows and changes the recorded requests, the fault rules, the profile and the content of an ocifake registry. " +
				"If the registry has a token, clients must send it. Otherwise, only clients on the same machine may use the API.",
		},
		"servers": []object{{"url": "/"}},
		"paths":   paths,
		"components": object{
			"schemas":         all,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}},
		},
		"security": []object{{"token": []string{}}, {}}, // depends on the registry's options
	}, nil
}

func (row *route) document() object {
	responses := object{}
	for status, doc := range row.failures() {
		responses[strconv.Itoa(status)] = object{"description": doc, "content": mediaOf("Error", jsonType)}
	}
	for _, a := range row.answers {
		response := object{"description": a.doc}
		if a.mediaType != "" {
			response["content"] = mediaOf(a.schema, a.mediaType)
		}
		responses[strconv.Itoa(a.status)] = response
	}
	operation := object{"operationId": row.id(), "summary": row.summary, "responses": responses}
	if row.open {
		operation["security"] = []object{}
	}
	var params []object
	for _, p := range row.params {
		params = append(params, p.document())
	}
	if params != nil {
		operation["parameters"] = params
	}
	if row.body != nil {
		operation["requestBody"] = object{"required": true, "description": row.body.doc, "content": mediaOf(row.body.schema, row.body.mediaTypes...)}
	}
	return operation
}

// failures returns the error responses that all routes share.
func (row *route) failures() map[int]string {
	all := map[int]string{http.StatusBadRequest: "the request is invalid"}
	if !row.open {
		maps.Copy(all, map[int]string{
			http.StatusUnauthorized: "the token is missing or wrong",
			http.StatusForbidden:    "the client or the origin of its page may not use the API",
		})
	}
	return all
}

// id returns the operationId: "getFaultsKnownName".
func (row *route) id() string {
	id := strings.ToLower(row.method)
	for word := range strings.FieldsFuncSeq(row.path, func(r rune) bool { return strings.ContainsRune("/{}.", r) }) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}

// mediaOf describes a body. An empty schema matches anything.
func mediaOf(schema string, mediaTypes ...string) object {
	described := object{}
	if schema != "" {
		described["schema"] = object{"$ref": fmt.Sprintf("#/components/schemas/%s", schema)}
	}
	all := object{}
	for _, mediaType := range mediaTypes {
		all[mediaType] = described
	}
	return all
}

func (p *param) document() object {
	in := "query"
	if p.inPath {
		in = "path"
	}
	return object{"name": p.name, "in": in, "required": p.required || p.inPath, "description": p.doc, "schema": p.kind.schema}
}
