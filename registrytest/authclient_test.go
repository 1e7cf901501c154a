package registrytest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// client is one that logs in where the registry says. It does as it is told, with
// neither sense nor persistence.
type client struct {
	t              testing.TB
	http           *http.Client
	base           string
	user, password string
}

// ask sends one request, without credentials unless they are given.
func (c client) ask(method, target string, header ...string) *http.Response {
	c.t.Helper()
	response, err := c.try(c.t.Context(), method, target, header...)
	require.NoError(c.t, err)
	return response
}

func (c client) try(ctx context.Context, method, target string, header ...string) (*http.Response, error) {
	if strings.HasPrefix(target, "/") {
		target = c.base + target
	}
	request, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	response.Body = io.NopCloser(strings.NewReader(string(body)))
	return response, err
}

// get fetches something, and logs in if it has to. Without success it returns the
// last answer.
func (c client) get(target string) *http.Response {
	c.t.Helper()
	response, err := c.pull(c.t.Context(), target)
	require.NoError(c.t, err)
	return response
}

var challenge = regexp.MustCompile(`(?i)^Bearer realm="([^"]+)"(?:,service="([^"]*)")?(?:,scope="([^"]*)")?`)

func (c client) pull(ctx context.Context, target string) (*http.Response, error) {
	response, err := c.try(ctx, "GET", target)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	login := "Basic " + basicOf(c.user, c.password)
	said := response.Header.Get("WWW-Authenticate")
	if strings.HasPrefix(said, "Basic ") {
		return c.try(ctx, "GET", target, "Authorization", login)
	}
	m := challenge.FindStringSubmatch(said)
	if m == nil {
		return nil, fmt.Errorf("status %d with the challenge %q", response.StatusCode, said)
	}
	answer, err := c.try(ctx, "GET", m[1]+"?"+url.Values{"service": {m[2]}, "scope": {m[3]}}.Encode(), "Authorization", login)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return answer, nil
	}
	token, err := readToken(answer.Body)
	if err != nil {
		return nil, err
	}
	return c.try(ctx, "GET", target, "Authorization", "Bearer "+token)
}

func readToken(from io.Reader) (string, error) {
	var body struct{ Token string }
	if err := json.NewDecoder(from).Decode(&body); err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	if body.Token == "" {
		return "", errors.New("token: there is none")
	}
	return body.Token, nil
}

func tokenIn(t testing.TB, answer *http.Response) string {
	t.Helper()
	token, err := readToken(answer.Body)
	require.NoError(t, err)
	return token
}

func basicOf(user, password string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
}
