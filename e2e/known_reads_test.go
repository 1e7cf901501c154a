package e2e

// What is not there yet, or elsewhere. regclient is not redirected: it looks the host
// up in the DNS, which there is none of in a bubble.
func knownReads() []suffering {
	return []suffering{
		{"blob-unknown-after-push", pushing, nil, ends{
			"ggcr":       "fails: MANIFEST_BLOB_UNKNOWN",
			"oras-go":    "recovers",
			"regclient":  "fails: MANIFEST_BLOB_UNKNOWN",
			"containerd": "fails: does not show",
			"careful":    "recovers",
		}},
		{"blob-gone-after-push", pushing, nil, ends{
			"ggcr":       "fails: MANIFEST_BLOB_UNKNOWN",
			"oras-go":    "fails: which the manifest refers to",
			"regclient":  "fails: MANIFEST_BLOB_UNKNOWN",
			"containerd": "fails: which the manifest refers to",
			"careful":    "recovers",
		}},
		{"manifest-unknown-after-push", checking, nil, ends{
			"ggcr":       "fails: Not Found",
			"oras-go":    "fails: not found",
			"regclient":  "fails: http 404",
			"containerd": "fails: not found",
			"careful":    "recovers",
		}},
		{"stale-tag", retagging, nil, ends{
			"ggcr":       "fooled: resolved to another digest",
			"oras-go":    "fooled: resolved to another digest",
			"regclient":  "fooled: resolved to another digest",
			"containerd": "fooled: resolved to another digest",
		}},
		{"stale-tag", checking, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"cdn-rejects-authorization", pulling, nil, ends{
			"oras-go with password": "recovers",
			"ggcr leaking":          "fails: Only one auth mechanism",
			"careful":               "recovers",
		}},
		{"redirect-expired", pulling, nil, ends{
			"ggcr":       "fails: Request has expired",
			"oras-go":    "fails: status code 403",
			"containerd": "fails: 403 Forbidden",
			"careful":    "recovers",
		}},
		{"redirect-dead-host", pulling, nil, ends{
			"ggcr":       "fails: connection refused",
			"oras-go":    "fails: connection refused",
			"containerd": "fails: connection refused",
			"careful":    "fails: connection refused",
		}},
		{"redirect-loop", pulling, nil, ends{
			"ggcr":       "loops",
			"oras-go":    "fails: stopped after 10 redirects",
			"containerd": "fails: stopped after 10 redirects",
			"careful":    "fails: stopped after 10 redirects",
		}},
		{"redirect-to-website", pulling, nil, ends{
			"ggcr":       "fails: Not Found",
			"oras-go":    "fails: not found",
			"containerd": "fails: not found",
			"careful":    "fails: Not Found",
		}},
		{"head-405", resolving, nil, ends{
			"ggcr":       "fails: Method Not Allowed",
			"oras-go":    "fails: Method Not Allowed",
			"regclient":  "fails: http 405",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"head-404", resolving, nil, ends{
			"ggcr":       "fails: Not Found",
			"oras-go":    "fails: not found",
			"regclient":  "fails: http 404",
			"containerd": "fails: not found",
			"careful":    "recovers",
		}},
		{"range-ignored", pulling, nil, ends{
			"regclient": "fails: unexpected EOF",
			"careful":   "recovers",
		}},
		{"index-accept-404", resolving, nil, ends{
			"oras-go for Docker": "fails: not found",
			"careful for Docker": "fails: accept header does not support OCI indexes",
		}},
	}
}
