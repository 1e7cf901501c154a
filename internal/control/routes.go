package control

import "net/http"

const (
	jsonType = "application/json"
	textType = "text/plain; charset=utf-8"
)

// routes returns the table of all routes.
func routes() []route {
	return joined(stateRoutes(), requestRoutes(), faultRoutes(), profileRoutes(), hostRoutes(), contentRoutes(), resetRoutes())
}

func joined(lists ...[]route) (all []route) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// ok, created and done are common responses.
func ok(schema, doc string) answer { return answer{http.StatusOK, doc, jsonType, schema} }

func created(schema, doc string) answer { return answer{http.StatusCreated, doc, jsonType, schema} }

var (
	done    = answer{http.StatusNoContent, "done", "", ""}
	missing = answer{http.StatusNotFound, "not found", jsonType, "Error"}
	tooMuch = answer{http.StatusRequestEntityTooLarge, "the body is too large", jsonType, "Error"}
)

// Parameters of several routes.
var (
	filterParam = param{name: "filter", kind: filters,
		doc: "Space-separated filters, all of which must match: op=blob.get repo=app status=5xx !faulted. Default: all requests."}
	limitParam = param{name: "limit", kind: number(1, 10_000, 1000), doc: "The maximum number of entries."}
	repoParam  = param{name: "repo", kind: repository, required: true, doc: "The repository."}
	afterName  = param{name: "after", kind: anyText, doc: "Only entries after this one. For the next page, the last entry of the previous page."}
	nameParam  = param{name: "name", kind: anyText, inPath: true, doc: "The name."}
)
