package known_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/bytesize"
	"github.com/ocifake/ocifake/internal/yamltext"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// surroundings are what rules need of a registry that has no fault of its own.
var surroundings = map[string]struct {
	options   []registrytest.Option
	elsewhere []registrytest.Option // of the registry to which some redirect
	secure    bool                  // clients use https
}{
	"tokens":           {options: []registrytest.Option{withUsers(&auth.TokenOptions{})}},
	"tokens elsewhere": {elsewhere: []registrytest.Option{withUsers(&auth.TokenOptions{})}},
	"passwords":        {options: []registrytest.Option{withUsers(nil)}},
	"tls":              {options: []registrytest.Option{registrytest.WithTLS()}, secure: true},
	"http2":            {options: []registrytest.Option{registrytest.WithHTTP2()}, secure: true},
}

func withUsers(token *auth.TokenOptions) registrytest.Option {
	return registrytest.WithAuth(auth.Options{Users: map[string]string{"ci": "secret"}, Token: token})
}

// authInGo are the authentication options of reports in Go. docs/faults.md has them, too.
var authInGo = map[string]auth.Options{
	"C12":  {Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{RotateRefresh: true}},
	"C21":  {Rules: []auth.Rule{{Actions: []registry.Action{registry.Pull}}}, Token: &auth.TokenOptions{Required: true}},
	"C28":  {Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{TTL: 30 * time.Minute}},
	"C36a": {Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{}},
	"F29":  {Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{Skew: 2 * time.Second}},
	"F31a": {Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{FirstScopeOnly: true, OmitExpiresIn: true, Field: "access_token"}},
	"G7":   {Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{Field: "access_token"}},
	"G9":   {Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{}},
	"G16":  {Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{}},
	"G18":  {Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{FirstScopeOnly: true}},
}

// registryInGo are the options of the registry of reports in Go. docs/faults.md has them, too.
var registryInGo = map[string]registry.Options{
	"C19": {PageSize: 1},
	"G63": {PageSize: 2},
	"G64": {PageSize: 2},
	"G67": {PageSize: 2},
	"G68": {PageSize: 1},
	"G72": {NoReferrers: true},
}

// limitsInGo are the limits of the HTTP server of reports in Go. docs/faults.md has them, too.
var limitsInGo = map[string]registrytest.HTTPLimits{
	"C40": {MaxStreams: 1, StreamWindow: 1 << 10, MaxHeader: 4 << 10},
	"F7a": {StreamWindow: 1 << 10, ConnWindow: 64 << 10},
	"G19": {MaxHeader: 4 << 10},
}

// flagsInGo returns the options of a report, which are the same in YAML and in Go.
func flagsInGo(t *testing.T, r report) []registrytest.Option {
	t.Helper()
	settings, err := yamltext.Settings([]byte(r.Flags))
	require.NoError(t, err)
	var options registry.Options
	var limits registrytest.HTTPLimits
	fields := map[string]any{
		"page-size": &options.PageSize, "no-referrers": &options.NoReferrers,
		"max-header": &limits.MaxHeader, "http2-max-streams": &limits.MaxStreams,
		"http2-stream-window": &limits.StreamWindow, "http2-conn-window": &limits.ConnWindow,
	}
	for _, s := range settings {
		value := s.Values[0]
		switch field := fields[s.Name].(type) {
		case *bool:
			*field = value == "true"
		case *int:
			*field, err = strconv.Atoi(value)
		case *int64:
			*field, err = bytesize.Parse(value)
		default:
			require.Fail(t, "no such setting in this test", s.Name)
		}
		require.NoError(t, err)
	}
	assert.Equal(t, registryInGo[r.ID], options)
	assert.Equal(t, limitsInGo[r.ID], limits)
	return []registrytest.Option{registrytest.WithOptions(options), registrytest.WithHTTPLimits(limits)}
}
