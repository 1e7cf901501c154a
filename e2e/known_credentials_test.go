package e2e

import (
	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/registrytest"
)

// asking is a registry in which the user may do everything, and nobody else anything.
func asking(scheme authScheme) []registrytest.Option {
	return []registrytest.Option{registrytest.WithAuth(auth.Options{
		Users: map[string]string{userName: userPassword},
		Token: scheme.token,
	})}
}

// Tokens and challenges. oras-go and regclient are not led to another host: they look
// it up in the DNS, which there is none of in a bubble.
func knownCredentials() []suffering {
	basic, bearer := asking(basicAuth), asking(bearerAuth)
	return []suffering{
		{"token-expires-mid-push", pushingOne, bearer, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: the token",
			"regclient":  "fails: unauthorized",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"token-rejected-fresh", pulling, bearer, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: status code 401",
			"regclient":  "fails: unauthorized",
			"containerd": "fails: invalid_token",
			"careful":    "recovers",
		}},
		{"token-rejected-always", pulling, bearer, ends{
			"ggcr":       "fails: UNAUTHORIZED",
			"oras-go":    "fails: status code 401",
			"regclient":  "fails: unauthorized",
			"containerd": "fails: invalid_token",
			"careful":    "fails: status 401",
		}},
		{"token-endpoint-500", pulling, bearer, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "fails: unauthorized",
			"containerd": "fails: 500 Internal Server Error",
			"careful":    "recovers",
		}},
		{"token-endpoint-429", pulling, bearer, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "fails: unauthorized",
			"containerd": "fails: 429 Too Many Requests",
			"careful":    "recovers",
		}},
		{"token-endpoint-html", pulling, bearer, ends{
			"ggcr":       "fails: invalid character",
			"oras-go":    "fails: failed to decode response",
			"regclient":  "fails: failed to request auth token",
			"containerd": "fails: unable to decode token response",
			"careful":    "fails: this is no token",
		}},
		{"token-endpoint-broken-json", pulling, bearer, ends{
			"ggcr":       "fails: unexpected end of JSON input",
			"oras-go":    "fails: failed to decode response",
			"regclient":  "fails: failed to request auth token",
			"containerd": "fails: unable to decode token response",
			"careful":    "fails: this is no token",
		}},
		{"token-endpoint-missing-field", pulling, bearer, ends{
			"ggcr":       "fails: no token in bearer response",
			"oras-go":    "fails: empty token returned",
			"regclient":  "fails: unauthorized",
			"containerd": "fails: did not include a token",
			"careful":    "fails: this is no token",
		}},
		{"token-endpoint-slow", pulling, bearer, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"token-endpoint-down", pulling, bearer, ends{
			"ggcr":       "fails: /v2/token",
			"oras-go":    "fails: /v2/token",
			"regclient":  "fails: failed to request auth token",
			"containerd": "fails: /v2/token",
			"careful":    "fails: /v2/token",
		}},
		{"token-post-404", pulling, bearer, ends{
			"oras-go with POST": "fails: status code 404",
			"containerd":        "recovers",
			"careful with POST": "recovers",
		}},
		{"token-post-405", pulling, bearer, ends{
			"oras-go with POST": "fails: status code 405",
			"containerd":        "recovers",
			"careful with POST": "recovers",
		}},
		{"token-post-403", pulling, bearer, ends{
			"oras-go with POST": "fails: status code 403",
			"containerd":        "fails: 403 Forbidden",
			"careful with POST": "recovers",
		}},
		{"token-denied-ghcr", pulling, bearer, ends{
			"ggcr":       "fails: DENIED: denied",
			"oras-go":    "fails: denied: denied",
			"regclient":  "fails: unauthorized",
			"containerd": "fails: 403 Forbidden",
			"careful":    "fails: denied",
		}},
		{"challenge-missing", pulling, bearer, ends{
			"ggcr":       "fails: UNAUTHORIZED",
			"oras-go":    "fails: status code 401",
			"regclient":  "fails: empty challenge header",
			"containerd": "fails: 401 Unauthorized",
			"careful":    "fails: without a challenge",
		}},
		{"challenge-only-on-ping", pulling, bearer, ends{
			"oras-go":    "fails: status code 401",
			"regclient":  "fails: empty challenge header",
			"containerd": "fails: 401 Unauthorized",
			"careful":    "recovers",
		}},
		{"challenge-doubled", pulling, bearer, ends{
			"ggcr":       "fails: the registry takes credentials of the scheme Bearer",
			"oras-go":    "fails: the registry takes credentials of the scheme Bearer",
			"regclient":  "fails: retry limit exceeded",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"challenge-capitals", pulling, basic, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"challenge-unknown-scheme", pulling, basic, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: status code 401",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"realm-elsewhere", pulling, bearer, ends{
			"ggcr":       "leaks: cdn.test/token",
			"containerd": "leaks: cdn.test/token",
			"careful":    "fails: the password would go to",
		}},
		{"redirect-challenged", pulling, bearer, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: status code 401",
			"containerd": "fails: failed to fetch anonymous token",
			"careful":    "recovers",
		}},
		{"forbidden-for-absent", pushing, bearer, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: status code 403",
			"regclient":  "recovers",
			"containerd": "fails: 403 Forbidden",
		}},
		{"unauthorized-for-absent", pulling, bearer, ends{
			"ggcr":       "fails: authentication required",
			"oras-go":    "fails: authentication required",
			"regclient":  "fails: unauthorized",
			"containerd": "fails: repository does not exist or may require authorization",
			"careful":    "fails: authentication required",
		}},
	}
}
