package e2e

// Too many requests.
func knownThrottling() []suffering {
	return []suffering{
		{"retry-after-seconds", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"retry-after-date", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		// regclient waits for 55 years, after which a bubble cannot be told by its clock.
		{"retry-after-huge", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"pull-limit-429-hub", pulling, nil, ends{
			"ggcr":       "fails: You have reached your pull rate limit",
			"oras-go":    "fails: You have reached your pull rate limit",
			"regclient":  "fails: You have reached your pull rate limit",
			"containerd": "fails: You have reached your pull rate limit",
			"careful":    "fails: You have reached your pull rate limit",
		}},
		{"rate-exceeded-429-ecr", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"data-limit-429-ecr-public", pulling, nil, ends{
			"ggcr":       "fails: Data limit exceeded",
			"oras-go":    "fails: Data limit exceeded",
			"regclient":  "fails: Data limit exceeded",
			"containerd": "fails: Data limit exceeded",
			"careful":    "fails: Data limit exceeded",
		}},
		{"rate-limit-429-ghcr", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"abuse-limit-429-hub", pulling, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
		{"manifest-put-429", pushing, nil, ends{
			"ggcr":       "recovers",
			"oras-go":    "recovers",
			"regclient":  "recovers",
			"containerd": "recovers",
			"careful":    "recovers",
		}},
	}
}
