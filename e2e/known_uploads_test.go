package e2e

// Pushing.
func knownUploads() []suffering {
	return []suffering{
		{"mount-denied-401", copying, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: status code 4",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"mount-denied-403", copying, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: status code 403",
			"regclient":  "recovers",
			"containerd": "fails: 403 Forbidden",
			"careful":    "recovers",
		}},
		{"mount-ignored", copying, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"upload-session-lost", pushing, nil, ends{
			"ggcr":       "fails: BLOB_UPLOAD_UNKNOWN",
			"oras-go":    "fails: no upload session",
			"regclient":  "fails: http 404",
			"containerd": "fails: no upload session",
			"careful":    "recovers",
		}},
		{"commit-reply-lost", pushing, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: EOF",
			"regclient":  "fails: http 404",
			"containerd": "fails: no upload session",
			"careful":    "recovers",
		}},
		{"commit-reply-and-blob-lost", pushing, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: EOF",
			"regclient":  "fails: http 404",
			"containerd": "fails: no upload session",
			"careful":    "recovers",
		}},
		{"upload-not-resumable", pushing, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: blob upload invalid",
			"regclient":  "recovers",
			"containerd": "fails: blob upload invalid",
			"careful":    "recovers",
		}},
		{"chunk-416", pushing, nil, ends{
			"ggcr":                "recovers",
			"regclient in chunks": "fails: http 416",
			"careful":             "recovers",
		}},
		{"chunk-201", pushing, nil, ends{
			"ggcr":                "recovers",
			"regclient in chunks": "recovers",
			"careful":             "recovers",
		}},
		{"chunks-unsupported", pushing, nil, ends{
			"ggcr":                "fails: the operation is unsupported",
			"regclient in chunks": "fails: Bad Request",
			"careful":             "recovers",
		}},
		{"chunk-too-large-ghcr", pushingLarge, nil, ends{
			"regclient in large chunks": "fails: http 416",
			"careful in large chunks":   "recovers",
		}},
		{"chunk-too-small-500", pushing, nil, ends{
			"regclient in chunks": "fails: http 416",
			"careful":             "recovers",
		}},
		{"chunk-too-small-400", pushing, nil, ends{
			"regclient in chunks": "fails: http 416",
			"regclient":           "recovers", // in a single PUT
			"careful":             "recovers",
		}},
		{"upload-range-quay", pushing, nil, ends{
			"ggcr":                "recovers",
			"oras-go":             "recovers",
			"regclient":           "recovers",
			"containerd":          "recovers",
			"careful":             "recovers",
			"regclient in chunks": "recovers",
		}},
		{"location-http", pushing, overTLS(), ends{
			"ggcr":                "recovers",
			"oras-go":             "fails: Location",
			"regclient":           "fooled: went on in the clear",
			"containerd":          "fooled: went on in the clear",
			"careful":             "fails: go on in the clear",
			"regclient in chunks": "fooled: went on in the clear",
		}},
		{"location-absolute", pushing, nil, ends{
			"ggcr":                "recovers",
			"oras-go":             "recovers",
			"regclient":           "recovers",
			"containerd":          "recovers",
			"careful":             "recovers",
			"regclient in chunks": "recovers",
		}},
	}
}
