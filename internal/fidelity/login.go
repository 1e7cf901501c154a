package fidelity

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// credentials returns the Authorization that a challenge asks for, or "" if there is none for the
// user.
func (p *replay) credentials(ctx context.Context, header http.Header) (string, error) {
	for _, c := range parseChallenges(strings.Join(header.Values("Www-Authenticate"), ", ")) {
		switch strings.ToLower(c.scheme) {
		case "basic":
			return p.basic(), nil
		case "bearer":
			return p.bearer(ctx, c)
		}
	}
	return "", nil
}

func (p *replay) basic() string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(p.target.Username, p.target.Password)
	return r.Header.Get("Authorization")
}

// bearer returns a token for a challenge, from an earlier answer if there is one.
func (p *replay) bearer(ctx context.Context, c challenge) (string, error) {
	from, err := tokenURL(c)
	if err != nil {
		return "", err
	}
	if p.tokens[from] == "" {
		got, err := p.tokenFrom(ctx, from)
		if err != nil {
			return "", err
		}
		var answer struct {
			Token       string `json:"token"`
			AccessToken string `json:"access_token"`
		}
		if err := json.Unmarshal(got.body, &answer); err != nil || got.status != http.StatusOK {
			return "", nil // the answer without a token stands
		}
		p.tokens[from] = cmp.Or(answer.Token, answer.AccessToken)
	}
	return "Bearer " + p.tokens[from], nil
}

// token asks for the token that the last refusal has asked for.
func (p *replay) token(ctx context.Context, header http.Header) (response, error) {
	for _, c := range parseChallenges(strings.Join(header.Values("Www-Authenticate"), ", ")) {
		if strings.EqualFold(c.scheme, "bearer") {
			from, err := tokenURL(c)
			if err != nil {
				return response{}, err
			}
			return p.tokenFrom(ctx, from)
		}
	}
	return response{}, &lackError{"no challenge of the scheme Bearer precedes the request for a token"}
}

// tokenFrom asks a token service for a token, as the user.
func (p *replay) tokenFrom(ctx context.Context, from string) (response, error) {
	return p.do(ctx, request{method: http.MethodGet, url: from, header: http.Header{"Authorization": {p.basic()}}})
}

// tokenURL returns where the token for a challenge is.
func tokenURL(c challenge) (string, error) {
	u, err := url.Parse(c.get("realm"))
	if err != nil || u.Host == "" {
		return "", &lackError{"the realm of the challenge is not a URL"}
	}
	query := u.Query()
	if service := c.get("service"); service != "" {
		query.Set("service", service)
	}
	for _, scope := range strings.Fields(c.get("scope")) {
		query.Add("scope", scope)
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}
