package battery_test

// explained are the broken entries that nothing finds, each with the reason.
var explained = map[string]string{
	"broken registries/blob-range-no-digest":                  "no check looks at it yet",
	"broken registries/blobs-of-all-repositories":             "no check looks at it yet",
	"broken registries/delete-blob-in-mount-source-too":       "no check looks at it yet",
	"broken registries/delete-blob-unknown-repository-403":    "no check looks at it yet",
	"broken registries/delete-tag-deletes-longer-tags":        "no check looks at it yet",
	"broken registries/docker-list-as-oci-index":              "no check looks at it yet",
	"broken registries/error-of-unknown-path-bare":            "no check looks at it yet",
	"broken registries/no-digest-201":                         "no check looks at it yet",
	"broken registries/oci-subject-absent-with-artifact-type": "no check looks at it yet",
	"broken registries/oci-tag-absent":                        "no check looks at it yet",
	"broken registries/put-refused-stores-tag":                "no check looks at it yet",
	"broken registries/range-on-manifest-garbled":             "no check looks at it yet",
	"broken registries/referrers-404-for-none":                "no check looks at it yet",
	"broken registries/referrers-deleted-stay":                "no check looks at it yet",
	"broken registries/referrers-deleted-stay-in-filter":      "no check looks at it yet",
	"broken registries/referrers-empty-artifact-type-kept":    "no check looks at it yet",
	"broken registries/referrers-gone-with-tag":               "no check looks at it yet",
	"broken registries/referrers-no-media-type":               "no check looks at it yet",
	"broken registries/tags-name-missing-on-pages":            "no check looks at it yet",
	"buggy clients/does not know absolute locations":          "no check looks at it yet",
}
