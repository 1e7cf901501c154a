package e2e

// Below HTTP, and in the course of time.
func knownConnection() []suffering {
	return []suffering{
		{"reset-mid-blob", pulling, nil, ends{
			"ggcr":       "fails: connection reset by peer",
			"oras-go":    "fails: connection reset by peer",
			"regclient":  "fails: connection reset by peer",
			"containerd": "fails: connection reset by peer",
			"careful":    "recovers",
		}},
		{"short-body", pulling, nil, ends{
			"ggcr":       "fails: unexpected EOF",
			"oras-go":    "fails: unexpected EOF",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"reset-mid-upload", pushing, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: connection reset by peer",
			"regclient":  "recovers",
			"containerd": "fails: connection reset by peer",
			"careful":    "recovers",
		}},
		{"close-without-response", pushing, nil, ends{
			"ggcr":       "fails: EOF",
			"oras-go":    "fails: EOF",
			"regclient":  "fails: EOF",
			"containerd": "fails: EOF",
			"careful":    "fails: EOF",
		}},
		{"goaway-mid-upload", pushingOne, overHTTP2(), ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: GOAWAY",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"reset-stream-mid-blob", pulling, overHTTP2(), ends{
			"ggcr":       "fails: INTERNAL_ERROR",
			"oras-go":    "fails: INTERNAL_ERROR",
			"regclient":  "fails: INTERNAL_ERROR",
			"containerd": "fails: INTERNAL_ERROR",
			"careful":    "recovers",
		}},
		{"slow-upload", pushing, overHTTP2(), ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"tls-handshake-timeout", pulling, overTLS(), ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"black-hole", pulling, nil, ends{
			"ggcr":       "fails: TLS handshake timeout",
			"oras-go":    "hangs",
			"regclient":  "hangs",
			"containerd": "hangs",
			"careful":    "fails: context canceled",
		}},
		{"stalled-body", pulling, nil, ends{
			"ggcr":       "hangs",
			"oras-go":    "hangs",
			"regclient":  "hangs",
			"containerd": "hangs",
			"careful":    "recovers",
		}},
		{"trickling-body", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"stalled-upload-reply", pushing, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"bare-lf-429-hub", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
	}
}
