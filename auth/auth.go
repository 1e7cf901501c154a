// Package auth decides who may do what in a registry.
//
// [Handler] puts an [Authenticator] in front of a registry. [New] makes the one that most
// tests need: users with passwords, rules on repositories, and, if wanted, a token
// service as the Docker token specification describes it, on the registry's own
// host and port. Anything else implements the interface.
package auth

import (
	"context"
	"errors"
	"net/http"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// An Authenticator decides who may do what. Its methods are safe for concurrent use.
//
// An Authenticator that also has a method ServeToken(http.ResponseWriter, *http.Request)
// issues tokens: that method gets all requests to [op.TokenPath], whatever credentials
// they have.
type Authenticator interface {
	// Authenticate tells who sends a request. Without credentials that is the zero
	// Identity, anonymous. Credentials that will not do are an error, answered with
	// 401 and the challenge.
	Authenticate(r *http.Request) (Identity, error)

	// Authorize reports whether somebody may do something: nil means yes. An error
	// that wraps [registry.Unauthorized] is answered with 401 and the challenge; one
	// that wraps another [registry.Cause] with the status of that; any other with
	// 403 DENIED.
	Authorize(ctx context.Context, who Identity, access Access) error

	// Challenge returns the values of WWW-Authenticate for a 401. access is what the
	// request needs, failure why it is refused.
	Challenge(r *http.Request, access Access, failure error) []string
}

// Identity is who sends a request. The zero Identity is anonymous.
type Identity struct {
	Subject string  // name of the user; empty: anonymous
	Scheme  string  // "Basic", "Bearer", "Certificate"; empty: no credentials
	Granted []Scope // by a token, which allows nothing else; nil without a token

	texts []string // of Granted, if somebody has made them already
}

// scopes returns the texts of what a token allows.
func (i Identity) scopes() []string {
	if i.texts == nil {
		return texts(i.Granted)
	}
	return i.texts
}

// Access is what is to be allowed: an action in a repository. The zero value is the
// use of the registry as such: GET /v2/.
type Access struct {
	Repo    string
	Action  registry.Action // empty for the use of the registry
	Catalog bool            // the list of all repositories; Repo and Action are empty

	// Source is the repository that a mount is to pull from, if that is what the
	// request lacks; it is for the challenge only.
	Source string

	// Entry says that the registry, not the client, names the repository: to show it in
	// that list, or to take a blob from it for a client that did not say from where.
	// Action is Pull. What counts then is what the subject of a token may do, not what the
	// token allows: a client cannot ask for a scope before it knows the name.
	Entry bool
}

// accesses tells which action an operation is. Those that are not there need no
// more than the use of the registry.
var accesses = map[op.Op]registry.Action{
	op.BlobGet:        registry.Pull,
	op.BlobHead:       registry.Pull,
	op.ManifestGet:    registry.Pull,
	op.ManifestHead:   registry.Pull,
	op.TagList:        registry.Pull,
	op.ReferrerList:   registry.Pull,
	op.UploadStart:    registry.Push,
	op.UploadChunk:    registry.Push,
	op.UploadCommit:   registry.Push,
	op.UploadStatus:   registry.Push,
	op.UploadCancel:   registry.Push,
	op.BlobPost:       registry.Push,
	op.BlobMount:      registry.Push, // of the source, see lacking
	op.ManifestPut:    registry.Push,
	op.BlobDelete:     registry.Delete,
	op.ManifestDelete: registry.Delete,
	op.TagDelete:      registry.Delete,
}

// needed returns what a request needs.
func needed(info *op.Info) Access {
	if info.Op == op.RepositoryList {
		return Access{Catalog: true}
	}
	if action := accesses[info.Op]; action != "" {
		return Access{Repo: info.Repo, Action: action}
	}
	return Access{}
}

// Handler returns a handler that lets next serve what a allows, and answers
// everything else. It belongs inside of what records. The registry is to have
// [Allow] as its option of that name. It panics if either is nil.
func Handler(a Authenticator, next http.Handler) http.Handler {
	must.NotNil("auth: Handler: a", a)
	must.NotNil("auth: Handler: next", next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, state := op.Begin(r)
		info := state.Info()
		if info.Op == op.Token || info.Op == op.TokenKeys {
			if tokens, ok := a.(interface {
				ServeToken(w http.ResponseWriter, r *http.Request)
			}); ok {
				tokens.ServeToken(w, r)
				return
			}
		}
		access := needed(info)
		who, err := a.Authenticate(r)
		if err == nil {
			state.SetIdentity(who.Subject, who.scopes())
			err = a.Authorize(r.Context(), who, access)
			if err == nil && info.Op == op.BlobMount && info.From != "" {
				access.Source = info.From
				err = lacking(r.Context(), a, who, info.From)
			}
		} else if !errors.Is(err, registry.Unauthorized) {
			err = &registry.Error{Cause: registry.Unauthorized, Message: err.Error()}
		}
		if err == nil {
			op.Keep(state, &decision{a, who})
			next.ServeHTTP(w, r)
			return
		}
		refuse(a, w, r, access, err)
	})
}

// lacking returns the error of somebody who may pull from the source of a mount, but
// not with the token that he has: with another the mount will succeed. Who may not
// gets an upload session, from the registry.
func lacking(ctx context.Context, a Authenticator, who Identity, source string) error {
	access := Access{Repo: source, Action: registry.Pull}
	err := a.Authorize(ctx, who, access)
	if !errors.Is(err, registry.Unauthorized) || !op.ValidRepository(source) {
		return nil
	}
	access.Entry = true
	if a.Authorize(ctx, who, access) != nil {
		return nil
	}
	return err
}

func refuse(a Authenticator, w http.ResponseWriter, r *http.Request, access Access, err error) {
	var cause registry.Cause
	switch {
	case errors.Is(err, registry.Unauthorized):
		for _, challenge := range a.Challenge(r, access, err) {
			w.Header().Add("WWW-Authenticate", challenge)
		}
	case !errors.As(err, &cause):
		err = &registry.Error{Cause: registry.Denied, Message: err.Error()}
	}
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	registry.WriteError(w, r, err)
}

// decision is kept with a request that was let in.
type decision struct {
	auth Authenticator
	who  Identity
}

// Allow decides what only the registry knows to ask, see
// [registry.Options.Allow]. A request that came through no [Handler] may do
// everything.
func Allow(ctx context.Context, repo string, action registry.Action) error {
	must.NotNil("auth: Allow: ctx", ctx)
	d, ok := op.Value[*decision](ctx)
	if !ok {
		return nil
	}
	return d.auth.Authorize(ctx, d.who, Access{Repo: repo, Action: action, Entry: isEntry(ctx)})
}

// isEntry reports whether the registry asks about a repository that the client has not
// named: any but the source of a mount.
func isEntry(ctx context.Context) bool {
	state := op.StateOf(ctx)
	if state == nil {
		return false
	}
	info := state.Info()
	return info.Op != op.BlobMount || info.From == ""
}
