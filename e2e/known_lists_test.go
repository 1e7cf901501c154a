package e2e

// Lists, referrers and tags.
func knownLists() []suffering {
	return []suffering{
		{"pagination-ignored", listing, nil, ends{ // the other clients send no query
			"ggcr":    "recovers",
			"careful": "recovers",
		}},
		{"link-self", listing, nil, ends{
			"ggcr":      "loops",
			"oras-go":   "loops",
			"regclient": "loops",
			"careful":   "fails: the list comes again",
		}},
		{"link-wrong-path", listing, nil, ends{
			"ggcr":      "fails: Bad Request",
			"oras-go":   "fails: Bad Request",
			"regclient": "fails: Bad Request",
			"careful":   "fails: Bad Request",
		}},
		{"link-relative", listing, nil, ends{
			"ggcr":      "recovers",
			"oras-go":   "recovers",
			"regclient": "recovers",
			"careful":   "recovers",
		}},
		{"link-without-brackets", listing, nil, ends{
			"ggcr":      "fails: missing '<'",
			"oras-go":   "fails: missing '<'",
			"regclient": "recovers",
			"careful":   "recovers",
		}},
		{"page-size-405-ecr", listing, nil, ends{
			"ggcr":      "fails: maxResults",
			"oras-go":   "fails: maxResults",
			"regclient": "fails: maxResults",
			"careful":   "recovers",
		}},
		{"tags-with-null", listing, nil, ends{
			"ggcr":      "fooled: listed [\"\" \"v1\" \"v2\" \"v3\"]",
			"oras-go":   "fooled: listed [\"\" \"v1\" \"v2\" \"v3\"]",
			"regclient": "fooled: listed [\"\" \"v1\" \"v2\" \"v3\"]",
			"careful":   "recovers",
		}},
		{"tags-with-digest", listing, nil, ends{
			"ggcr":      "fooled: listed [\"sha256:0000000000000000000000000000000000000000000000000000000000000000\" \"v1\" \"v2\" \"v3\"]",
			"oras-go":   "fooled: listed [\"sha256:0000000000000000000000000000000000000000000000000000000000000000\" \"v1\" \"v2\" \"v3\"]",
			"regclient": "fooled: listed [\"sha256:0000000000000000000000000000000000000000000000000000000000000000\" \"v1\" \"v2\" \"v3\"]",
			"careful":   "recovers",
		}},
		{"tags-unsorted", listing, nil, ends{
			"ggcr":      "recovers",
			"oras-go":   "recovers",
			"regclient": "recovers",
			"careful":   "recovers",
		}},
		{"tags-null", listingNone, nil, ends{
			"ggcr":      "recovers",
			"oras-go":   "recovers",
			"regclient": "recovers",
			"careful":   "recovers",
		}},
		{"referrers-404", attaching, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "fooled: found 0 referrers",
			"careful":    "recovers",
		}},
		{"referrers-404", findingNone, nil, ends{
			"ggcr":      "recovers",
			"oras-go":   "recovers",
			"regclient": "recovers",
			"careful":   "recovers",
		}},
		{"referrers-tag-no-index", findingNone, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "fails: manifest is not an OCI index",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"subject-refused-404-hub", attaching, nil, ends{
			"ggcr":       "fails: 404 page not found",
			"oras-go":    "fails: Not Found",
			"regclient":  "fails: http 404",
			"containerd": "fails: Not Found",
			"careful":    "fails: 404 page not found",
		}},
		{"subject-refused-405-ecr", attaching, nil, ends{
			"ggcr":       "fails: the operation is unsupported",
			"oras-go":    "fails: the operation is unsupported",
			"regclient":  "fails: http 405",
			"containerd": "fails: Method Not Allowed",
			"careful":    "fails: the operation is unsupported",
		}},
		{"referrers-without-type", attaching, nil, ends{
			"ggcr":       "fooled: found 0 referrers",
			"oras-go":    "recovers",
			"regclient":  "fooled: found 0 referrers",
			"containerd": "fooled: found 0 referrers",
			"careful":    "recovers",
		}},
		{"immutable-tag-400-ecr", moving, nil, ends{
			"ggcr":       "fails: TAG_INVALID",
			"oras-go":    "fails: tag invalid",
			"regclient":  "fails: TAG_INVALID",
			"containerd": "fails: already exists in",
			"careful":    "fails: TAG_INVALID",
		}},
		{"immutable-tag-409-quay", moving, nil, ends{
			"ggcr":       "fails: TAG_IMMUTABLE",
			"oras-go":    "fails: tag immutable",
			"regclient":  "fails: TAG_IMMUTABLE",
			"containerd": "fails: tag is immutable",
			"careful":    "fails: TAG_IMMUTABLE",
		}},
		{"immutable-tag-412-harbor", moving, nil, ends{
			"ggcr":       "fails: PRECONDITION",
			"oras-go":    "fails: configured as immutable",
			"regclient":  "fails: PRECONDITION",
			"containerd": "fails: configured as immutable",
			"careful":    "fails: PRECONDITION",
		}},
	}
}
