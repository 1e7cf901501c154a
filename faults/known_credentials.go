package faults

import (
	"net/http"
	"time"

	"github.com/ocifake/ocifake/op"
)

const (
	challengeHeader = "WWW-Authenticate"

	// bearer is the challenge that the registry's own auth sends.
	bearer        = `Bearer realm="{realm}",service="{service}",scope="{scope}"`
	rejectedToken = bearer + `,error="invalid_token"`
	weakToken     = bearer + `,error="insufficient_scope"`
)

// unchallenged are requests that show no credentials, so that auth challenges them.
// Those for tokens, and to the second origin, are not among them.
func unchallenged() Rule {
	return On().Where(op.Not(op.Is(op.Token, op.TokenKeys, op.External)), op.Not(op.Authenticated())).BeforeAuth()
}

// elsewhere challenges as if the token service were at the second origin.
func elsewhere(scheme string) Effect {
	return SetHeader(challengeHeader, `Bearer realm="`+scheme+`://{cdnhost}/token",service="{service}",scope="{scope}"`)
}

func postToken(status int) Rule {
	return On(op.Token).Where(op.Method(http.MethodPost)).Do(Status(status).Body(textType, http.StatusText(status)+"\n"))
}

func rejectedCitations() []string {
	return []string{"moby/moby#22158", "docker/hub-feedback#647", "helm/helm#10396", "Azure/azure-cli#22593"}
}

// Tokens, challenges, and what those are told who may not. The registry must have
// auth with tokens; for "challenge-capitals" and "challenge-unknown-scheme", with
// passwords; for "forbidden-for-absent", none.
func knownCredentials() []Preset {
	return []Preset{
		{
			Name:      "token-expires-mid-push",
			What:      "all tokens end before the PUT that closes an upload: 401 invalid_token",
			Citations: []string{"containers/image#1907", "GoogleContainerTools/jib#691", "moby/moby#33558", "cesanta/docker_auth#240", "goharbor/harbor#19787", "MicrosoftDocs/azure-docs#13258", "Azure/acr#214"},
			Clients:   []string{"podman", "jib", "docker", "azure-cli"},
			Correct:   "fetches another token and puts again; begins again with POST if the bytes are gone",
			Recovers:  true,
			Rules:     rules(On(op.UploadCommit).BeforeAuth().Times(1).Do(RevokeTokens())),
		},
		{
			Name:      "token-rejected-fresh",
			What:      "401 invalid_token to a token that is good, once, as by a replica with a slow clock",
			Citations: rejectedCitations(),
			Clients:   []string{"docker", "helm", "azure-cli"},
			Correct:   "fetches one more token, after a pause if the first was fresh",
			Recovers:  true,
			Rules:     rules(onPull().Times(1).Do(Status(http.StatusUnauthorized).Header(challengeHeader, rejectedToken))),
		},
		{
			Name:      "token-rejected-always",
			What:      "401 invalid_token to every pull, however fresh the token is",
			Citations: append(rejectedCitations(), "https://github.com/cue-labs/oci/blob/main/ociregistry/ociauth/auth_test.go"),
			Clients:   []string{"docker", "helm"},
			Correct:   "fetches one more token, then fails and says that the token was refused",
			Rules:     rules(onPull().Do(Status(http.StatusUnauthorized).Header(challengeHeader, rejectedToken))),
		},
		{
			Name:      "token-endpoint-500",
			What:      "500 in place of a token, once",
			Citations: []string{"containerd/containerd#5288"},
			Clients:   []string{"containerd"},
			Correct:   "asks for the token again",
			Recovers:  true,
			Rules:     rules(On(op.Token).Times(1).Do(Status(http.StatusInternalServerError))),
		},
		{
			Name:      "token-endpoint-429",
			What:      "429 with Retry-After: 5 in place of a token, once",
			Citations: []string{"docker/hub-feedback#2204", "nektos/act#2078"},
			Clients:   []string{"containerd", "docker"},
			Correct:   "waits as long as it is told, and asks for the token again",
			Recovers:  true,
			Rules:     rules(On(op.Token).Times(1).Do(Status(tooMany).RetryAfter(5 * time.Second))),
		},
		{
			Name:      "token-endpoint-html",
			What:      "200 with an HTML page in place of every token",
			Citations: []string{"cesanta/docker_auth#174", "argoproj-labs/argocd-image-updater#1024", "containerd/containerd#12857"},
			Clients:   []string{"docker", "argocd-image-updater", "containerd"},
			Correct:   "fails, and says which URL gave no token",
			Rules:     rules(On(op.Token).Do(Status(http.StatusOK).Body(htmlType, "<!DOCTYPE html>\n<html><body><form action=\"/login\"></form></body></html>\n"))),
		},
		{
			Name:      "token-endpoint-broken-json",
			What:      "JSON that breaks off, in place of every token",
			Citations: []string{"containerd/containerd#12857"},
			Clients:   []string{"containerd"},
			Correct:   "fails, and says which URL gave no token",
			Rules:     rules(On(op.Token).Do(Status(http.StatusOK).Body(jsonType, `{"token":"eyJhbGciOi`))),
		},
		{
			Name:      "token-endpoint-missing-field",
			What:      "JSON with neither token nor access_token, in place of every token",
			Citations: []string{"moby/buildkit#3117"},
			Clients:   []string{"buildkit"},
			Correct:   "fails, and says which URL gave no token; never shows an empty one",
			Rules:     rules(On(op.Token).Do(Status(http.StatusOK).Body(jsonType, `{"expires_in":300}`))),
		},
		{
			Name:      "token-endpoint-slow",
			What:      "a token comes after a minute, once",
			Citations: []string{"urlstechie/urlchecker-action#103"},
			Clients:   []string{"docker"},
			Correct:   "waits; after a timeout, asks for the token again",
			Recovers:  true,
			Rules:     rules(On(op.Token).Times(1).Do(Delay(time.Minute))),
		},
		{
			Name:      "token-endpoint-down",
			What:      "the connection is closed in place of every token",
			Citations: []string{"docker/build-push-action#334", "docker/for-win#6622"},
			Clients:   []string{"docker", "buildkit"},
			Correct:   "asks a few times, then fails and names the URL of the token service, not that of the registry alone",
			Rules:     rules(On(op.Token).Do(Close(0))),
		},
		{
			Name:      "token-post-404",
			What:      "404 to a POST for a token: the service knows GET alone, as with Gitea and GCR",
			Citations: []string{"go-gitea/gitea#29118", "https://github.com/containerd/containerd/blob/main/core/remotes/docker/authorizer.go"},
			Clients:   []string{"helm", "containerd"},
			Correct:   "asks with GET",
			Recovers:  true,
			Rules:     rules(postToken(http.StatusNotFound)),
		},
		{
			Name:      "token-post-405",
			What:      "405 to a POST for a token: the service knows GET alone, as with Harbor",
			Citations: []string{"containerd/containerd#8630"},
			Clients:   []string{"containerd"},
			Correct:   "asks with GET",
			Recovers:  true,
			Rules:     rules(postToken(http.StatusMethodNotAllowed)),
		},
		{
			Name:      "token-post-403",
			What:      "403 to a POST for a token: the service knows GET alone",
			Citations: []string{"containerd/containerd#4982", "containerd/containerd#4983", "containerd/containerd#3912"},
			Clients:   []string{"containerd"},
			Correct:   "asks with GET, as it does first if it has no refresh token",
			Recovers:  true,
			Rules:     rules(postToken(http.StatusForbidden)),
		},
		{
			Name:      "token-denied-ghcr",
			What:      "403 DENIED in place of every token, for a repository that is not there or private",
			Citations: []string{"openai/tart#277", "quay/quay#4235", "phusion/holy-build-box#62"},
			Clients:   []string{"tart", "quay"},
			Correct:   "fails with the message of the token service",
			Rules:     rules(On(op.Token).Do(Status(http.StatusForbidden).Error("DENIED", "denied"))),
		},
		{
			Name:      "challenge-missing",
			What:      "401 without WWW-Authenticate to whoever shows no credentials",
			Citations: []string{"https://github.com/containers/image/blob/main/docker/docker_client.go"},
			Clients:   []string{"skopeo"},
			Correct:   "fails with the status, and says that there is no challenge",
			Rules:     rules(unchallenged().Do(DropHeader(challengeHeader))),
		},
		{
			Name:      "challenge-only-on-ping",
			What:      "401 without WWW-Authenticate, but for GET /v2/, which has one without a scope",
			Citations: []string{"https://github.com/containers/image/blob/main/docker/docker_client.go", "containers/image#211", "containerd/containerd#1205"},
			Clients:   []string{"skopeo", "containerd"},
			Correct:   "asks /v2/ for the challenge, and knows the scope that it needs",
			Recovers:  true,
			Rules:     rules(unchallenged().Where(op.Not(op.Is(op.Ping))).Do(DropHeader(challengeHeader))),
		},
		{
			Name:      "challenge-doubled",
			What:      "two challenges, for a password and for a token, as with Gitea; the registry takes tokens alone, as ACR does where it asks for a password",
			Citations: []string{"Azure/acr#466", "GoogleContainerTools/jib#2784", "go-gitea/gitea#31861"},
			Clients:   []string{"jib", "docker"},
			Correct:   "prefers tokens, and shows its password to the token service alone",
			Recovers:  true,
			Rules:     rules(unchallenged().Do(SetHeader(challengeHeader, `Basic realm="ocifake"`, bearer))),
		},
		{
			Name:      "challenge-capitals",
			What:      "the scheme of the challenge is BASIC, as with Nexus",
			Citations: []string{"dotnet/sdk-container-builds#527", "devcontainers/cli#884", "Quiq/registry-ui#11", "GoogleContainerTools/kaniko#196"},
			Clients:   []string{"dotnet", "devcontainers", "registry-ui", "kaniko"},
			Correct:   "compares the scheme in whatever case (RFC 9110, 11.1)",
			Recovers:  true,
			Rules:     rules(unchallenged().Do(SetHeader(challengeHeader, `BASIC realm="Sonatype Nexus Repository Manager"`))),
		},
		{
			Name:      "challenge-unknown-scheme",
			What:      "a challenge that the client does not know, Negotiate, before one for passwords, as from a proxy with Kerberos",
			Citations: []string{"google/go-containerregistry#1075", "GoogleContainerTools/kaniko#1681"},
			Clients:   []string{"kaniko", "go-containerregistry"},
			Correct:   "takes the first challenge that it knows",
			Recovers:  true,
			Rules:     rules(unchallenged().Do(SetHeader(challengeHeader, "Negotiate", `Basic realm="ocifake"`))),
		},
		{
			Name:      "realm-elsewhere",
			What:      "the challenge leads to a token service on another host, which gives no tokens",
			Citations: []string{"golang/vulndb#6092", "google/go-containerregistry#2193", "devcontainers/cli#1278", "GoogleContainerTools/jib#4523"},
			Clients:   []string{"go-containerregistry", "devcontainers", "jib"},
			Correct:   "shows its password there only if its user trusts that host, as that of a registry that is known to have its token service elsewhere",
			Rules: rules(
				unchallenged().Where(op.Not(op.Secure())).Do(elsewhere("http")),
				unchallenged().Where(op.Secure()).Do(elsewhere("https")),
			),
		},
		{
			Name:      "redirect-challenged",
			What:      "blobs are redirected to another host, which asks for credentials of its own, once",
			Citations: []string{"google/go-containerregistry#2333", "google/go-containerregistry#2359", "containerd/containerd#5503"},
			Clients:   []string{"go-containerregistry", "containerd"},
			Correct:   "asks the token service of that host, without the credentials for the registry, or the registry for another URL",
			Recovers:  true,
			Rules: rules(
				On(op.BlobGet).Do(Redirect(http.StatusTemporaryRedirect, "{cdn}")),
				On(op.External).Times(1).Do(Status(http.StatusUnauthorized).Header(challengeHeader, `Bearer realm="{origin}/token",service="elsewhere"`)),
			),
		},
		{
			Name:      "forbidden-for-absent",
			What:      "403 in place of 404 to who asks for a manifest before one was pushed, as Artifactory has it",
			Citations: []string{"sigstore/cosign#2973", "google/go-containerregistry#1691"},
			Clients:   []string{"cosign", "go-containerregistry"},
			Correct:   "takes it for absent when it asks before it pushes, and pushes",
			Recovers:  true,
			Rules: rules(onManifest().Until(op.Is(op.ManifestPut)).Do(Status(http.StatusForbidden).
				Error("UNAUTHORIZED", "The client does not have permission for manifest: {tag}{digest}").Detail(map[string]any{"manifest": "{tag}{digest}"}))),
		},
		{
			Name:      "unauthorized-for-absent",
			What:      "401 insufficient_scope in place of 404 for a repository that is not there or private, whoever asks, as Docker Hub has it",
			Citations: []string{"distribution/distribution#1676", "https://github.com/containers/image/blob/main/docker/errors_test.go"},
			Clients:   []string{"skopeo"},
			Correct:   "fetches one more token, then fails and says that it is not there or not allowed",
			Rules: rules(On(op.ManifestGet, op.ManifestHead, op.BlobGet, op.TagList).Do(Status(http.StatusUnauthorized).Header(challengeHeader, weakToken).
				Error("UNAUTHORIZED", "authentication required").
				Detail([]any{map[string]any{"Type": "repository", "Class": "", "Name": "{repo}", "Action": "pull"}}))),
		},
	}
}
