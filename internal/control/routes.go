package control

import "net/http"

const (
	jsonType = "application/json"
	textType = "text/plain; charset=utf-8"
)

// routes are all there are.
func routes() []route {
	return joined(stateRoutes(), requestRoutes(), faultRoutes(), contentRoutes(), resetRoutes())
}

func joined(lists ...[]route) (all []route) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// ok and noContent are answers.
func ok(schema, doc string) answer { return answer{http.StatusOK, doc, jsonType, schema} }

func created(schema, doc string) answer { return answer{http.StatusCreated, doc, jsonType, schema} }

var (
	done    = answer{http.StatusNoContent, "done", "", ""}
	missing = answer{http.StatusNotFound, "there is no such thing", jsonType, "Error"}
	tooMuch = answer{http.StatusRequestEntityTooLarge, "the body is too large", jsonType, "Error"}
)

// Parameters of several routes.
var (
	filterParam = param{name: "filter", kind: recordFilters,
		doc: "Filters with spaces between them, all of which must hold: op=blob.get repo=app status=5xx !faulted. Default: all requests."}
	limitParam = param{name: "limit", kind: number(1, 10_000, 1000), doc: "How many at the most."}
	repoParam  = param{name: "repo", kind: repository, required: true, doc: "The repository."}
	afterName  = param{name: "after", kind: anyText, doc: "Those behind this one; of the next page, the last of the page before."}
	nameParam  = param{name: "name", kind: anyText, inPath: true, doc: "The name."}
)
