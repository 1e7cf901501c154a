package e2e

// Statuses and bodies.
func knownStatus() []suffering {
	return []suffering{
		{"bad-gateway-html", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "fails: 502 Bad Gateway",
			"careful":    "recovers",
		}},
		{"service-unavailable-html", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "fails: http 503",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"gateway-timeout-html", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"not-found-html", pulling, nil, ends{
			"ggcr":       "fails: Not Found",
			"oras-go":    "fails: not found",
			"regclient":  "fails: http 404",
			"containerd": "fails: not found",
			"careful":    "fails: Not Found",
		}},
		{"push-refused-html", pushing, nil, ends{
			"ggcr":       "fails: Method Not Allowed",
			"oras-go":    "fails: Method Not Allowed",
			"regclient":  "fails: http 405",
			"containerd": "fails: Method Not Allowed",
			"careful":    "fails: Method Not Allowed",
		}},
		{"not-found-plain-text", pulling, nil, ends{
			"ggcr":       "fails: 404 page not found",
			"oras-go":    "fails: not found",
			"regclient":  "fails: http 404",
			"containerd": "fails: not found",
			"careful":    "fails: 404 page not found",
		}},
		{"empty-error-body", pulling, nil, ends{
			"ggcr":       "fails: 404 Not Found",
			"oras-go":    "fails: not found",
			"regclient":  "fails: http 404",
			"containerd": "fails: not found",
			"careful":    "fails: status 404",
		}},
		{"error-details-hub", pulling, nil, ends{
			"ggcr":       "fails: invalid repository name",
			"oras-go":    "fails: Bad Request",
			"regclient":  "fails: invalid repository name",
			"containerd": "fails: Bad Request",
			"careful":    "fails: invalid repository name",
		}},
		{"error-code-number", pulling, nil, ends{
			"ggcr":       "fails: Not Found",
			"oras-go":    "fails: not found",
			"regclient":  "fails: http 404",
			"containerd": "fails: not found",
			"careful":    "fails: Not Found",
		}},
		{"error-code-harbor", pulling, nil, ends{
			"ggcr":       "fails: artifact known/app",
			"oras-go":    "fails: not found",
			"regclient":  "fails: artifact known/app",
			"containerd": "fails: not found",
			"careful":    "fails: artifact known/app",
		}},
		{"error-bare-object", pulling, nil, ends{
			"ggcr":       "fails: 401 Unauthorized",
			"oras-go":    "fails: basic credential not found",
			"regclient":  "fails: unauthorized",
			"containerd": "fails: 401 Unauthorized",
			"careful":    "fails: status 401",
		}},
		{"upload-500", pushing, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: Internal Server Error",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"blob-500", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"manifest-put-504-every-other", pushing, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"mirror-503", pulling, nil, ends{
			"containerd with mirror": "recovers",
			"careful with mirror":    "recovers",
		}},
		{"mirror-html-200", pulling, nil, ends{
			"containerd with mirror": "fails: not found",
			"careful with mirror":    "recovers",
		}},
		{"tags-html-200", listing, nil, ends{
			"ggcr":      "fails: invalid character",
			"oras-go":   "fails: invalid character",
			"regclient": "fails: unsupported media type",
			"careful":   "fails: this is no list",
		}},
	}
}
