package replay

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/ocifake/ocifake/auth"
)

// Access returns the authentication of a host that is replayed, given that of its profile. Everybody
// may do everything: a client asks for tokens as it does with the host, and any credentials are
// accepted, because a run without a network need not have those of the host.
func Access(options auth.Options) (auth.Authenticator, error) {
	options.Users, options.Htpasswd, options.Rules = nil, "", []auth.Rule{{}}
	if options.Token != nil {
		token := *options.Token
		token.Required = true
		options.Token = &token
	}
	service, err := auth.New(options)
	if err != nil {
		return nil, err
	}
	return open{service, options.Token != nil && options.Token.PostStatus == 0}, nil
}

// open accepts any credentials but invalid tokens.
type open struct {
	*auth.Service
	post bool // POST for a token works
}

// Authenticate implements [auth.Authenticator].
func (o open) Authenticate(r *http.Request) (auth.Identity, error) {
	if isBasic(r) {
		r = withoutCredentials(r)
	}
	return o.Service.Authenticate(r)
}

// ServeToken issues a token without a look at the credentials.
func (o open) ServeToken(w http.ResponseWriter, r *http.Request) {
	r = withoutCredentials(r)
	if r.Method == http.MethodPost && o.post {
		r = asGet(w, r)
	}
	o.Service.ServeToken(w, r)
}

func isBasic(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Basic")
}

func withoutCredentials(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	return r
}

// maxForm is the maximum size in bytes of the form in a request for a token.
const maxForm = 64 << 10

// asGet returns a request for a token in the form of a query.
func asGet(w http.ResponseWriter, r *http.Request) *http.Request {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.ParseForm() != nil {
		return r // which is refused
	}
	query := url.Values{"service": r.Form["service"]}
	for _, scopes := range r.Form["scope"] {
		query["scope"] = append(query["scope"], strings.Fields(scopes)...)
	}
	r.Method, r.Body, r.ContentLength = http.MethodGet, http.NoBody, 0
	r.URL.RawQuery = query.Encode()
	return r
}
