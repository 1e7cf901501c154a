package spec

// untestable is what the specification says of registries and no client can check.
var untestable = []Statement{
	{
		ID: "requires-claimed", Text: "A registry claiming conformance with one of these specification categories MUST implement all APIs in the claimed category.",
		Section: "Requirements", Level: Must, Area: Management, Source: Distribution, Versions: since10,
		Reason: "what a registry claims is not to be seen in its API",
	}, {
		ID: "support-authentication", Text: "This endpoint MAY be used for authentication/authorization purposes, but this is out of the purview of this specification.",
		Section: "Determining Support", Endpoint: "end-1", Level: May, Area: Pull, Source: Distribution, Versions: since10,
		Reason: "out of the specification's purview",
	}, {
		ID: "upload-location-server", Text: "The `<blob-push-location>` MAY be provided by a server other than the registry itself.",
		Section: "POST then PUT", Endpoint: "end-4a", Level: May, Area: Push, Source: Distribution, Versions: inDraft,
		Reason: "a permission that no answer can break: all checks go wherever a location leads",
	}, {
		ID: "single-post-length", Text: "The `Content-Length` header MUST match the blob's actual content length.",
		Section: "Single POST", Endpoint: "end-4b", Level: Must, Area: Push, Source: Distribution, Versions: since10,
		Reason: "a request with a body of another length is none by HTTP; that it stores nothing is upload-put-interrupted",
	}, {
		ID: "upload-timeout", Text: "If this request fails or is not called, the server SHOULD eventually timeout unfinished uploads.",
		Section: "Cancel a blob upload", Endpoint: "end-14", Level: Should, Area: Push, Source: Distribution, Versions: inDraft,
		Reason: "no client knows how long to wait",
	}, {
		ID: "referrers-filters", Text: "If multiple filters are applied, the header MUST contain a comma separated list of applied filters.",
		Section: "Listing Referrers", Endpoint: "end-12b", Level: Must, Area: Discovery, Source: Distribution, Versions: since11,
		Reason: "only one filter is defined",
	}, {
		ID: "referrers-preexisting", Text: "Registries MUST include preexisting image manifests that are listed in an image index tagged with the referrers tag schema and have a valid `subject` field in the referrers API response.",
		Section: "Enabling the Referrers API", Endpoint: "end-12a", Level: Must, Area: Discovery, Source: Distribution, Versions: since11,
		Reason: "a client cannot switch the referrers API on",
	}, {
		ID: "referrers-preexisting-all", Text: "Registries MAY include all preexisting image manifests with a `subject` field in the referrers API response.",
		Section: "Enabling the Referrers API", Endpoint: "end-12a", Level: May, Area: Discovery, Source: Distribution, Versions: since11,
		Reason: "a client cannot switch the referrers API on",
	}, {
		ID: "proxy", Text: "A registry MAY operate as a proxy to another registry to delegate functionality or implement additional functionality.",
		Section: "Registry Proxying", Level: May, Area: Pull, Source: Distribution, Versions: inDraft,
		Reason: "needs another registry behind the one that is checked",
	}, {
		ID: "proxy-ns", Text: "A `ns` query parameter on pull operations is OPTIONAL, but when used specifies the host in a repository name used by a client.",
		Section: "Registry Proxying", Level: May, Area: Pull, Source: Distribution, Versions: inDraft,
		Reason: "needs another registry behind the one that is checked",
	}, {
		ID: "proxy-ns-upstream", Text: "A proxy registry MAY use the `ns` query parameter to resolve an upstream registry host.",
		Section: "Registry Proxying", Level: May, Area: Pull, Source: Distribution, Versions: inDraft,
		Reason: "needs another registry behind the one that is checked",
	}, {
		ID: "push-pull-by-tag-schema", Text: "The response SHOULD be an image index with the same content that would be expected from the referrers API.",
		Section: "Listing Referrers", Endpoint: "end-3", Level: Should, Area: Discovery, Source: Distribution, Versions: since11,
		Reason: "clients maintain the referrers tag",
	},
}
