package control

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/near"
)

// route is a row of the table from which the handlers, the checks of requests and the OpenAPI
// document are derived.
type route struct {
	method  string
	path    string // relative to the prefix: "faults/{name}"
	summary string
	params  []param
	body    *body // nil without a body
	answers []answer
	open    bool // accessible without authorization
	handle  func(*API, http.ResponseWriter, *request) error
}

// answer is a response of a route. The responses 400, 401, 403 and 405 are common to all routes.
type answer struct {
	status    int
	doc       string
	mediaType string
	schema    string // name of the component; empty without a schema
}

// body describes the required body of a request.
type body struct {
	mediaTypes []string
	schema     string
	doc        string
}

// request is a request with validated parameters.
type request struct {
	*http.Request
	values map[string]any
}

// value returns a parameter, its default, or the zero value if it is missing and has no default.
func value[T any](r *request, name string) T {
	v, _ := r.values[name].(T)
	return v
}

// newMux returns the handler for all routes.
func (a *API) newMux() http.Handler {
	mux := http.NewServeMux()
	byPath := map[string][]route{}
	for _, row := range routes() {
		byPath[row.path] = append(byPath[row.path], row)
	}
	for below, rows := range byPath {
		mux.Handle(prefix+below, a.serve(rows))
	}
	nothing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := a.guard.use(r)
		if f == nil {
			f = notFound("%s not found in the control API: see %sopenapi.json", r.URL.Path, prefix)
		}
		a.fail(w, r, f)
	})
	mux.Handle("/", nothing)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if escaped := r.URL.EscapedPath(); path.Clean(escaped) != escaped { // prevents a redirect of the mux
			nothing.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// serve serves the routes of a path.
func (a *API) serve(rows []route) http.HandlerFunc {
	allow := allowed(rows)
	return func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		i := slices.IndexFunc(rows, func(row route) bool { return row.method == method })
		if i < 0 || !rows[i].open {
			if f := a.guard.use(r); f != nil {
				a.fail(w, r, f)
				return
			}
		}
		if i < 0 {
			w.Header().Set("Allow", allow)
			a.fail(w, r, failf(http.StatusMethodNotAllowed, "%s %s: want one of %s", r.Method, r.URL.Path, allow))
			return
		}
		a.do(w, r, &rows[i])
	}
}

// allowed returns the Allow header for the routes of a path.
func allowed(rows []route) string {
	var methods []string
	for _, row := range rows {
		methods = append(methods, row.method)
		if row.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

func (a *API) do(w http.ResponseWriter, r *http.Request, row *route) {
	values, err := row.read(r)
	if err == nil {
		err = row.handle(a, w, &request{r, values})
	}
	if err != nil {
		a.fail(w, r, a.asFailure(r, err))
	}
}

// fail is [fail] with the headers that some failures require.
func (a *API) fail(w http.ResponseWriter, r *http.Request, f *failure) {
	if f.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="ocifake control API"`)
	}
	fail(w, r, f)
}

// read parses the parameters of a request. It refuses unknown and duplicate parameters.
func (row *route) read(r *http.Request) (map[string]any, error) {
	if row.body == nil && r.ContentLength != 0 {
		return nil, wrong("body", "%s %s takes no body", r.Method, r.URL.Path)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, wrong("query", "%v", err)
	}
	for name, values := range query {
		known := slices.ContainsFunc(row.params, func(p param) bool { return p.name == name && !p.inPath })
		switch {
		case !known:
			return nil, wrong(name, "unknown parameter: %s", row.parameters(name))
		case len(values) > 1:
			return nil, wrong(name, "want one value, not %d", len(values))
		}
	}
	read := map[string]any{}
	for _, p := range row.params {
		text, given := query.Get(p.name), query.Has(p.name)
		if p.inPath {
			text, given = r.PathValue(p.name), true
		}
		switch v, err := p.value(text, given); {
		case err != nil:
			return nil, wrong(p.name, "%v", err)
		case v != nil:
			read[p.name] = v
		}
	}
	return read, nil
}

// parameters returns a hint for an unknown parameter.
func (row *route) parameters(wrote string) string {
	var names []string
	for _, p := range row.params {
		if !p.inPath {
			names = append(names, p.name)
		}
	}
	if names == nil {
		return "want no parameters"
	}
	return near.Hint(wrote, names)
}
