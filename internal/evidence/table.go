package evidence

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
)

// table has the traits whose values are not outcomes. A row returns the zero value if the exchange
// does not show the trait.
var table = map[string]func(*Exchange) Value{
	"answer.type":  ofErrors(field("Content-Type")),
	"answer.shape": ofErrors(shape),
	"ping.body": func(x *Exchange) Value {
		if x.Status != http.StatusOK {
			return Value{}
		}
		body := cmp.Or(strings.TrimSpace(string(x.Body)), "none")
		return Value{body, "the body is " + body}
	},

	"blob.redirect":      redirect,
	"blob.redirect-head": redirect,
	"blob.range": func(x *Exchange) Value {
		switch x.Status {
		case http.StatusPartialContent:
			return Value{"part", "GET with Range is answered with 206"}
		case http.StatusOK:
			return Value{"ignored", "GET with Range is answered with 200"}
		}
		return Value{}
	},
	"blob.location": ofStatus(http.StatusCreated, location),

	"upload.commit-state": ofStatus(http.StatusCreated, func(x *Exchange) Value {
		if x.Header.Get("Range") != "" {
			return Value{"yes", "Range is " + x.Header.Get("Range")}
		}
		return Value{"no", "there is no Range"}
	}),
	"upload.location": ofSuccess(location),
	"upload.path": ofSuccess(func(x *Exchange) Value {
		for _, path := range []string{"blobs/uploads", "blobs/upload"} {
			if strings.Contains(x.Location(), "/"+path+"/") {
				return Value{path, "Location has " + path}
			}
		}
		return Value{}
	}),
	"upload.state": ofSuccess(func(x *Exchange) Value {
		if strings.Contains(x.Location(), "?") {
			return Value{"changes", "Location has a query"}
		}
		return Value{"fixed", "Location has no query"}
	}),
	"upload.range-initial": ofSuccess(orNone("Range")),
	"upload.chunk-min":     ofSuccess(orNone("OCI-Chunk-Min-Length")),
	"upload.stream": func(x *Exchange) Value {
		value := "refused"
		if x.Succeeded() {
			value = "appended"
		}
		return Value{value, "a second PATCH without Content-Range is answered with " + x.Outcome()}
	},

	"manifest.bad-reference": func(x *Exchange) Value {
		value := "refused"
		if x.Code() == "" && x.Status == http.StatusNotFound && strings.HasPrefix(x.Header.Get("Content-Type"), "text/plain") {
			value = "unrouted"
		}
		return Value{value, x.Method + " is answered with " + x.Outcome()}
	},
	"manifest.put-body": ofStatus(http.StatusCreated, func(x *Exchange) Value {
		switch d := x.Header.Get("Docker-Content-Digest"); {
		case len(x.Body) == 0:
			return Value{"none", "the answer has no body"}
		case digest.FromBytes(x.Body).String() == d:
			return Value{"manifest", "the body of the answer is the manifest"}
		}
		return Value{}
	}),
	"manifest.oci-subject": ofStatus(http.StatusCreated, has("OCI-Subject", "the answer")),
	"manifest.location":    ofStatus(http.StatusCreated, location),
	"manifest.location-reference": ofStatus(http.StatusCreated, func(x *Exchange) Value {
		switch at := x.Location(); {
		case x.Tag == "" || at == "":
			return Value{}
		case strings.HasSuffix(at, "/"+x.Tag):
			return Value{"as-pushed", "Location has the tag of the request"}
		default:
			return Value{"digest", "Location has the digest"}
		}
	}),

	"tags.type": ofStatus(http.StatusOK, field("Content-Type")),
	"tags.empty": ofStatus(http.StatusOK, func(x *Exchange) Value {
		var list struct{ Tags json.RawMessage }
		_ = json.Unmarshal(x.Body, &list) // other bodies have no tags
		switch text := string(bytes.ReplaceAll(list.Tags, []byte(" "), nil)); text {
		case "[]":
			return Value{"list", "no tags are []"}
		case "null":
			return Value{"null", "no tags are null"}
		}
		return Value{}
	}),
	"tags.pages": ofStatus(http.StatusOK, func(x *Exchange) Value {
		n, err := strconv.Atoi(x.Query.Get("n"))
		switch listed := len(x.Tags()); {
		case err != nil || n < 1 || listed < n:
			return Value{}
		case listed > n:
			return Value{"no", fmt.Sprintf("n=%d lists %d tags", n, listed)}
		}
		return Value{"yes", fmt.Sprintf("n=%d lists as many tags", n)}
	}),
	"tags.order": ofStatus(http.StatusOK, func(x *Exchange) Value {
		switch tags := x.Tags(); {
		case !slices.IsSorted(tags):
			return Value{"none", "the tags are not sorted"}
		case len(tags) > 2:
			return Value{"bytewise", "the tags are sorted"}
		}
		return Value{}
	}),
	"tags.link": ofStatus(http.StatusOK, func(x *Exchange) Value {
		switch link := x.Header.Get("Link"); {
		case link == "":
			return Value{"none", "there is no Link"}
		case !strings.HasPrefix(link, "<"):
			return Value{"bare", "Link has no angle brackets"}
		case IsAbsolute(link):
			return Value{"absolute", "Link has a host"}
		}
		return Value{"path", "Link has a path"}
	}),
	"tags.cursor": ofStatus(http.StatusOK, func(x *Exchange) Value {
		switch {
		case x.Header.Get("Link") == "" || len(x.Tags()) == 0:
			return Value{}
		case Opaque(x):
			return Value{"opaque", "last in Link is not the last tag"}
		}
		return Value{"tag", "last in Link is the last tag"}
	}),
	"tags.unknown-last": func(x *Exchange) Value {
		switch {
		case x.Status >= http.StatusBadRequest:
			return Value{"refused", "a last that is no tag is answered with " + x.Outcome()}
		case len(x.Tags()) == 0:
			return Value{"empty", "after a last that is no tag, nothing is listed"}
		}
		return Value{"after", "after a last that is no tag, tags are listed"}
	},
	"tags.fields": ofStatus(http.StatusOK, func(x *Exchange) Value {
		if len(fields(x.Body)) == 0 {
			return Value{}
		}
		return Value{cmp.Or(strings.Join(fields(x.Body, "name", "tags"), ", "), "none"), "the list has " + strings.Join(fields(x.Body), ", ")}
	}),
	"tags.name-from": ofStatus(http.StatusOK, func(x *Exchange) Value {
		var list struct{ Name string }
		_ = json.Unmarshal(x.Body, &list) // other bodies have no name
		omitted, ok := strings.CutSuffix("/"+x.Repo, "/"+list.Name)
		switch {
		case !ok || list.Name == "":
			return Value{}
		case omitted == "":
			return Value{"none", "the name is that of the repository"}
		}
		return Value{strconv.Itoa(strings.Count(omitted, "/")), "the name omits components of that of the repository"}
	}),
	"tags.emptied": func(x *Exchange) Value {
		if x.Status == http.StatusNotFound {
			return Value{"unknown", "the list is answered with " + x.Outcome()}
		}
		return ofStatus(http.StatusOK, constant("empty", "the list is answered with 200"))(x)
	},

	"referrers.artifact-type": ofStatus(http.StatusOK, func(x *Exchange) Value {
		switch all := referrers(x); {
		case len(all) == 0 || slices.Contains(all, configType): // possibly of manifests without an artifactType
			return Value{}
		case slices.Contains(all, ""):
			return Value{"no", "an entry has no artifactType"}
		}
		return Value{"yes", "entries have artifactType"}
	}),
	"referrers.filter": ofStatus(http.StatusOK, func(x *Exchange) Value {
		all, want := referrers(x), x.Query.Get("artifactType")
		switch {
		case want == "" || len(all) == 0:
			return Value{}
		case slices.ContainsFunc(all, func(t string) bool { return t != want }):
			return Value{"no", "entries of other types are listed"}
		}
		return Value{"yes", "only entries of the type are listed"}
	}),
}

func redirect(x *Exchange) Value {
	switch {
	case x.Status/100 == 3 && x.Status != http.StatusNotModified:
		return Value{strconv.Itoa(x.Status), x.Method + " is answered with " + strconv.Itoa(x.Status)}
	case x.Succeeded():
		return Value{"no", x.Method + " is answered without a redirect"}
	}
	return Value{}
}

// Opaque reports whether last in the Link of a page is not its last tag.
func Opaque(x *Exchange) bool {
	link, tags := x.Header.Get("Link"), x.Tags()
	return link != "" && len(tags) > 0 && !strings.Contains(link, "last="+tags[len(tags)-1])
}

const configType = "application/vnd.oci.image.config.v1+json"

// referrers returns the artifact types in a list of referrers.
func referrers(x *Exchange) []string {
	var list struct {
		Manifests []struct{ ArtifactType string }
	}
	_ = json.Unmarshal(x.Body, &list) // other bodies have no entries
	var types []string
	for _, m := range list.Manifests {
		types = append(types, m.ArtifactType)
	}
	return types
}

// fields returns the sorted names of the fields of a JSON object, except some.
func fields(body []byte, except ...string) []string {
	var object map[string]json.RawMessage
	_ = json.Unmarshal(body, &object) // other bodies have no fields
	var names []string
	for name := range object {
		if !slices.Contains(except, name) && len(name) <= maxCode && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func ofStatus(status int, show func(*Exchange) Value) func(*Exchange) Value {
	return func(x *Exchange) Value {
		if x.Status != status {
			return Value{}
		}
		return show(x)
	}
}

func ofSuccess(show func(*Exchange) Value) func(*Exchange) Value {
	return func(x *Exchange) Value {
		if !x.Succeeded() {
			return Value{}
		}
		return show(x)
	}
}

// ofErrors is about errors whose body is JSON.
func ofErrors(show func(*Exchange) Value) func(*Exchange) Value {
	return func(x *Exchange) Value {
		if x.Status < http.StatusBadRequest || x.Method == http.MethodHead || len(fields(x.Body)) == 0 {
			return Value{}
		}
		return show(x)
	}
}

func constant(value, seen string) func(*Exchange) Value {
	return func(*Exchange) Value { return Value{value, seen} }
}

// location tells a path from a URL.
func location(x *Exchange) Value {
	switch at := x.Location(); {
	case at == "":
		return Value{"none", "there is no Location"}
	case IsAbsolute(at):
		return Value{"absolute", "Location has a host"}
	}
	return Value{"path", "Location is a path"}
}

func field(name string) func(*Exchange) Value {
	return func(x *Exchange) Value {
		value := x.Header.Get(name)
		return Value{value, name + " is " + value}
	}
}

func orNone(name string) func(*Exchange) Value {
	return func(x *Exchange) Value {
		value := cmp.Or(x.Header.Get(name), "none")
		return Value{value, name + " is " + value}
	}
}

func has(name, answer string) func(*Exchange) Value {
	return func(x *Exchange) Value {
		if x.Header.Get(name) == "" {
			return Value{"no", answer + " has no " + name}
		}
		return Value{"yes", answer + " has " + name}
	}
}

// shape is the form of the body of an error.
func shape(x *Exchange) Value {
	var body struct {
		Errors []map[string]json.RawMessage
		Code   *string
	}
	_ = json.Unmarshal(x.Body, &body) // other bodies are of no known form
	switch {
	case len(body.Errors) == 0 && body.Code != nil:
		return Value{"bare", "an error is an object with a code"}
	case len(body.Errors) == 0 || body.Errors[0]["code"] == nil:
		return Value{}
	case body.Errors[0]["detail"] == nil:
		return Value{"no-detail", "errors have no detail"}
	}
	return Value{"list", "errors are a list, and have a detail"}
}
