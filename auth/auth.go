// Package auth authenticates the clients of a registry and authorizes their requests.
//
// [Handler] puts an [Authenticator] in front of a registry. [New] returns the one that most
// tests need: users with passwords, rules for repositories, and optionally a token service,
// as the Docker token specification describes it, on the registry's own host and port.
package auth

import (
	"context"
	"errors"
	"net/http"

	"github.com/ocifake/ocifake/internal/inflight"
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
	// Authenticate returns the identity of the sender of a request. A request without
	// credentials has the zero Identity, which is anonymous. Invalid credentials are an
	// error, which is answered with 401 and the challenge.
	Authenticate(r *http.Request) (Identity, error)

	// Authorize returns nil if the identity has the access. An error that wraps
	// [registry.Unauthorized] is answered with 401 and the challenge, an error that wraps
	// another [registry.Cause] with its status, and any other error with 403 DENIED.
	Authorize(ctx context.Context, who Identity, access Access) error

	// Challenge returns the values of WWW-Authenticate for a 401. access is the access that
	// the request needs, and failure the reason for the refusal.
	Challenge(r *http.Request, access Access, failure error) []string
}

// Identity is the sender of a request. The zero Identity is anonymous.
type Identity struct {
	Subject string  // the user; empty if anonymous
	Scheme  string  // "Basic", "Bearer" or "Certificate"; empty without credentials
	Granted []Scope // what the token allows; nil without a token

	texts []string // of Granted, if known
}

// scopes returns the texts of what a token allows.
func (i Identity) scopes() []string {
	if i.texts == nil {
		return texts(i.Granted)
	}
	return i.texts
}

// Access is an action in a repository that a request needs. The zero value is the access to
// the registry as a whole: GET /v2/.
type Access struct {
	Repo    string
	Action  registry.Action // empty for the registry as a whole
	Catalog bool            // the list of all repositories, without Repo and Action

	// Source is the repository from which a mount pulls, if the request lacks access to it.
	// It is used only in the challenge.
	Source string

	// Entry reports that the registry, not the client, named the repository: as an entry of
	// that list, or as the source of a blob for a mount without a source. Action is Pull.
	// The permissions of the token's subject count then, not those of the token, because a
	// client cannot request a scope for a name that it does not know.
	Entry bool
}

// accesses are the actions that operations need. Other operations need only access to the
// registry as a whole.
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

// needed returns the access that a request needs.
func needed(info *op.Info) Access {
	if info.Op == op.RepositoryList {
		return Access{Catalog: true}
	}
	if action := accesses[info.Op]; action != "" {
		return Access{Repo: info.Repo, Action: action}
	}
	return Access{}
}

// asked returns the access that a request needs, with the source of a mount if a names it from the
// first.
func asked(a Authenticator, info *op.Info) Access {
	access := needed(info)
	if info.Op == op.BlobMount && info.From != info.Repo && mountSource(a) == sourceNamed {
		access.Source = info.From
	}
	return access
}

// mountSource returns the [TokenOptions.MountSource] of a Service, or of what contains one.
func mountSource(a Authenticator) string {
	if service, ok := a.(interface{ mountSource() string }); ok {
		return service.mountSource()
	}
	return ""
}

// Handler returns a handler that passes authorized requests to next and refuses all others.
// A recorder must be outside of it. The option Allow of the registry must be [Allow]. Handler
// panics if a or next is nil.
func Handler(a Authenticator, next http.Handler) http.Handler {
	must.NotNil("auth: Handler: a", a)
	must.NotNil("auth: Handler: next", next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, state := inflight.Begin(r)
		info := state.Info()
		if info.Op == op.Token || info.Op == op.TokenKeys {
			if tokens, ok := a.(interface {
				ServeToken(w http.ResponseWriter, r *http.Request)
			}); ok {
				tokens.ServeToken(w, r)
				return
			}
		}
		if info.Op == op.External { // what a redirect leads to has a signed URL
			next.ServeHTTP(w, r)
			return
		}
		access := asked(a, info)
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
			inflight.Keep(state, &decision{a, who})
			next.ServeHTTP(w, r)
			return
		}
		refuse(a, w, r, access, err)
	})
}

// lacking returns an error if the identity may pull from the source of a mount, but its token
// does not allow it: the mount succeeds with another token. An identity that may not pull
// gets an upload session from the registry.
func lacking(ctx context.Context, a Authenticator, who Identity, source string) error {
	if mountSource(a) == sourceIgnored {
		return nil
	}
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

// decision is the identity of an authorized request, kept with the request.
type decision struct {
	auth Authenticator
	who  Identity
}

// Allow authorizes what depends on the content of the registry; see [registry.Options.Allow].
// It allows everything for a request that did not come through a [Handler].
func Allow(ctx context.Context, repo string, action registry.Action) error {
	must.NotNil("auth: Allow: ctx", ctx)
	d, ok := inflight.Value[*decision](ctx)
	if !ok {
		return nil
	}
	return d.auth.Authorize(ctx, d.who, Access{Repo: repo, Action: action, Entry: isEntry(ctx)})
}

// isEntry reports whether the registry asks about a repository that the client did not name,
// which is any but the source of a mount.
func isEntry(ctx context.Context) bool {
	state := inflight.Of(ctx)
	if state == nil {
		return false
	}
	info := state.Info()
	return info.Op != op.BlobMount || info.From == ""
}
