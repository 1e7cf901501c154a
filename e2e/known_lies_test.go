package e2e

// What is answered and is not so.
func knownLies() []suffering {
	return []suffering{
		{"corrupt-blob", pulling, nil, ends{
			"ggcr":       "fails: error verifying sha256 checksum",
			"oras-go":    "fails: mismatched digest",
			"regclient":  "fails: digest mismatch",
			"containerd": "fails: unexpected commit digest",
			"careful":    "recovers",
		}},
		{"empty-blob", pulling, nil, ends{
			"ggcr":       "fails: does not match expected size",
			"oras-go":    "fails: mismatch Content-Length",
			"regclient":  "recovers",
			"containerd": "fails: short read: expected",
			"careful":    "recovers",
		}},
		{"digest-header-wrong", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: mismatched digest",
			"regclient":  "fails: digest mismatch",
			"containerd": "fails: not found",
			"careful":    "fails: the header says that the digest",
		}},
		{"digest-header-wrong-on-head", resolving, nil, ends{
			"ggcr":       "fooled: resolved to another digest",
			"oras-go":    "fooled: resolved to another digest",
			"regclient":  "fooled: resolved to another digest",
			"containerd": "fooled: resolved to another digest",
			"careful":    "fails: HEAD says that the digest",
		}},
		{"digest-header-missing", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"manifest-type-json", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: not found",
			"regclient":  "fails: unsupported media type",
			"containerd": "fails: not found",
			"careful":    "recovers",
		}},
		{"manifest-type-plain", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: not found",
			"regclient":  "fails: unsupported media type",
			"containerd": "fails: prettyjws not supported",
			"careful":    "recovers",
		}},
		{"manifest-type-parameters", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"head-type-missing", resolving, nil, ends{
			"ggcr":       "fails: did not include Content-Type",
			"oras-go":    "fails: invalid response `Content-Type` header",
			"regclient":  "fails: unsupported media type",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"blob-type-html", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"length-missing", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "fails: unknown response Content-Length",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"head-length-zero", resolving, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"content-encoding-gzip", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"content-encoding-x-gzip", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "fails: unsupported Content-Encoding algorithm: x-gzip",
			"careful":    "recovers",
		}},
	}
}
