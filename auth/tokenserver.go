package auth

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/httpfield"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/jsonedit"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

const (
	tokenField       = "token"
	accessTokenField = "access_token"
)

// maxForm bounds the body of a request for a token, in bytes.
const maxForm = 64 << 10

// wish is a request for a token.
type wish struct {
	user    string // empty: anonymous
	scopes  []Scope
	offline bool   // a refresh token is wanted, too
	refresh string // that the answer has
}

// oauthError is an error as OAuth 2.0 has it (RFC 6749, 5.2).
type oauthError struct {
	status int
	code   string
	text   string
}

func (e *oauthError) Error() string { return e.text }

// ServeToken serves the token service: the Docker token specification with GET, and
// with POST what that calls OAuth 2.0.
func (s *Service) ServeToken(w http.ResponseWriter, r *http.Request) {
	s.must("ServeToken")
	must.NotNil("auth: Service.ServeToken: w", w)
	must.NotNil("auth: Service.ServeToken: r", r)
	_, state := inflight.Begin(r)
	switch {
	case s.tokens == nil:
		registry.WriteError(w, r, &registry.Error{Cause: registry.NotEnabled, Message: "the registry has no token service: it takes passwords (Basic)"})
		return
	case state.Info().Op == op.TokenKeys:
		s.serveKeys(w)
		return
	}
	wish, err := s.wish(r)
	if err == nil && wish.user == "" && s.tokens.options.AnonymousStatus != 0 && len(s.allowed(wish)) == 0 {
		err = &registry.Error{Cause: anonymousCauses[s.tokens.options.AnonymousStatus]}
	}
	if err != nil {
		s.refuseToken(w, r, err)
		return
	}
	scopes := s.allowed(wish)
	g, err := s.tokens.issue(wish.user, scopes)
	state.SetIdentity(wish.user, texts(g.scopes))
	if err != nil {
		http.Error(w, "the token cannot be signed", http.StatusInternalServerError)
		return
	}
	if err := s.sendToken(w, r, wish, g); err != nil {
		http.Error(w, "the refresh token cannot be made", http.StatusInternalServerError)
	}
}

var anonymousCauses = map[int]registry.Cause{
	http.StatusUnauthorized: registry.Unauthorized,
	http.StatusForbidden:    registry.Denied,
}

// wish reads a request, and checks the credentials in it.
func (s *Service) wish(r *http.Request) (wish, error) {
	if r.Method == http.MethodPost {
		return s.posted(r)
	}
	query := r.URL.Query()
	scopes, err := s.scopes(query["scope"])
	if err != nil {
		return wish{}, invalid(err)
	}
	if service := query.Get("service"); service != "" && service != s.serviceFor(r) {
		return wish{}, invalid(fmt.Errorf("service %.100q: this is %q", service, s.serviceFor(r)))
	}
	x := wish{scopes: scopes, offline: query.Get("offline_token") == "true"}
	var who Identity
	switch values := r.Header["Authorization"]; len(values) {
	case 0:
		who = s.certified(r)
	case 1:
		who, err = s.basic(values[0])
	default:
		err = errHeaders
	}
	x.user = who.Subject
	return x, err
}

// scopes reads the scopes that a request asks for.
func (s *Service) scopes(values []string) ([]Scope, error) {
	if s.tokens.options.Unscoped {
		return nil, nil
	}
	return parseScopes(values)
}

func invalid(err error) error {
	return &oauthError{http.StatusBadRequest, "invalid_request", err.Error()}
}

// posted reads a form.
func (s *Service) posted(r *http.Request) (wish, error) {
	if status := s.tokens.options.PostStatus; status != 0 {
		return wish{}, &oauthError{status, "unsupported_grant_type", "tokens are given to GET"}
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return wish{}, invalid(errors.New("the body is no form, or too long"))
	}
	form := r.PostForm
	for _, name := range []string{"grant_type", "service", "client_id"} {
		if form.Get(name) == "" {
			return wish{}, invalid(fmt.Errorf("%s is missing", name))
		}
	}
	for _, name := range []string{"grant_type", "service", "client_id", "username", "password", "refresh_token", "access_type"} {
		if len(form[name]) > 1 { // RFC 6749, 5.2
			return wish{}, invalid(fmt.Errorf("%s is there more than once", name))
		}
	}
	if service := form.Get("service"); service != s.serviceFor(r) {
		return wish{}, invalid(fmt.Errorf("service %.100q: this is %q", service, s.serviceFor(r)))
	}
	scopes, err := s.scopes(form["scope"])
	if err != nil {
		return wish{}, &oauthError{http.StatusBadRequest, "invalid_scope", err.Error()}
	}
	x := wish{scopes: scopes, offline: form.Get("access_type") == "offline"}
	switch form.Get("grant_type") {
	case "password":
		x.user = form.Get("username")
		if !s.users.check(x.user, form.Get("password")) {
			return wish{}, errPassword
		}
	case "refresh_token":
		var ok bool
		if x.user, x.refresh, ok = s.tokens.useRefresh(form.Get("refresh_token")); !ok {
			return wish{}, credentialsError("the refresh token is not known, or was revoked")
		}
	default:
		return wish{}, &oauthError{http.StatusBadRequest, "unsupported_grant_type", "want password or refresh_token"}
	}
	return x, nil
}

// allowed returns the scopes that were asked for as far as the user may have
// them.
func (s *Service) allowed(x wish) []Scope {
	wanted := x.scopes
	if s.tokens.options.FirstScopeOnly && len(wanted) > 1 {
		wanted = wanted[:1]
	}
	var scopes []Scope
	for _, scope := range wanted {
		var may []string
		for action, access := range scope.accesses() {
			if s.policy.allows(x.user, access) {
				may = append(may, actionOf(access, action))
			}
		}
		if sort.Strings(may); len(may) > 0 {
			scopes = append(scopes, Scope{scope.Type, scope.Name, slices.Compact(may)})
		}
	}
	return scopes
}

func actionOf(a Access, action string) string {
	if a.Catalog {
		return action
	}
	return string(a.Action)
}

func (s *Service) sendToken(w http.ResponseWriter, r *http.Request, x wish, g grant) error {
	body := map[string]any{"issued_at": g.issued.UTC().Format(time.RFC3339)}
	for _, field := range []string{tokenField, accessTokenField} {
		if only := s.tokens.options.Field; only == "" || only == field {
			body[field] = g.token
		}
	}
	if !s.tokens.options.OmitExpiresIn {
		body["expires_in"] = int64((g.ttl + time.Second - 1) / time.Second)
	}
	switch {
	case x.refresh != "": // and no other ("access_type")
		body["refresh_token"] = x.refresh
	case x.offline && x.user != "":
		refresh, err := s.tokens.newRefresh(x.user)
		if err != nil {
			return err
		}
		body["refresh_token"] = refresh
	}
	if len(g.scopes) > 0 || r.Method == http.MethodPost { // which requires it, empty or not
		body["scope"] = strings.Join(texts(g.scopes), " ")
	}
	sendJSON(w, http.StatusOK, body)
	return nil
}

func sendJSON(w http.ResponseWriter, status int, value any) {
	body, err := jsonedit.Marshal(value)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store") // RFC 6749, 5.1, which asks for both
	w.Header().Set("Pragma", "no-cache")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has left
}

func (s *Service) refuseToken(w http.ResponseWriter, r *http.Request, err error) {
	var oauth *oauthError
	if errors.As(err, &oauth) {
		if oauth.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodGet)
		}
		sendJSON(w, oauth.status, map[string]string{"error": oauth.code, "error_description": oauth.text})
		return
	}
	if errors.Is(err, registry.Unauthorized) {
		w.Header().Set("WWW-Authenticate", "Basic realm="+httpfield.Quote(s.serviceFor(r)))
	}
	registry.WriteError(w, r, err)
}

func (s *Service) serveKeys(w http.ResponseWriter) {
	keys, err := s.tokens.keySet()
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	sendJSON(w, http.StatusOK, keys)
}
