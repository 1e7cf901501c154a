package upstream

import (
	"context"
	"net/http"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
)

// tapped is a transport whose answers [Options.Tap] receives.
type tapped struct {
	next http.RoundTripper
	tap  func(*op.Info, *http.Response, error)
}

// loggingIn is the value of the requests of a login.
type loggingIn struct{}

// withLogin returns a context for requests of a login, which hides the client's request.
func withLogin(ctx context.Context) context.Context { return inflight.With(ctx, loggingIn{}) }

// RoundTrip implements [http.RoundTripper].
func (t tapped) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.next.RoundTrip(r)
	var info *op.Info
	if state := inflight.Of(r.Context()); state != nil {
		info = state.Info()
	}
	t.tap(info, answer, err)
	return answer, err
}
