package known_test

import (
	"time"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// rulesInGo are the rules of the known faults and of the reports in Go. docs/faults.md has them, too.
var rulesInGo = map[string][]faults.Rule{
	"reset-mid-blob": {
		faults.On(op.BlobGet).Times(1).Do(faults.Reset(100)),
	},
	"short-body": {
		faults.On(op.BlobGet).Times(1).Do(faults.Close(100)),
	},
	"reset-mid-upload": {
		faults.On(op.UploadChunk, op.UploadCommit).Times(1).Do(faults.Reset(100).OfRequest()),
	},
	"close-without-response": {
		faults.On(op.UploadStart, op.BlobPost, op.BlobMount).Do(faults.Close(0)),
	},
	"goaway-mid-upload": {
		faults.On(op.UploadChunk, op.UploadCommit).Times(1).Do(faults.GoAway(100).OfRequest()),
	},
	"reset-stream-mid-blob": {
		faults.On(op.BlobGet).Times(1).Do(faults.ResetStream(100).Code(2)),
	},
	"slow-upload": {
		faults.On(op.UploadChunk, op.UploadCommit).Do(faults.Trickle(512, 50*time.Millisecond).OfRequest()),
	},
	"tls-handshake-timeout": {
		faults.OnConnect().Times(1).Do(faults.Silence()),
	},
	"black-hole": {
		faults.OnConnect().Do(faults.Silence()),
	},
	"stalled-body": {
		faults.On(op.BlobGet).Times(1).Do(faults.Stall(100, 0)),
	},
	"trickling-body": {
		faults.On(op.BlobGet).Times(1).Do(faults.Trickle(16, 5*time.Second)),
	},
	"stalled-upload-reply": {
		faults.On(op.UploadCommit).Times(1).Do(faults.DelayReply(10 * time.Minute)),
	},
	"bare-lf-429-hub": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Times(1).Do(faults.Raw("HTTP/1.1 429 Too Many Requests\nContent-Type: text/plain\nRetry-After: 60\nContent-Length: 28\nConnection: close\n\nToo Many Requests (HAP429).\n")),
	},
	"retry-after-seconds": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Times(1).Do(faults.Status(429).RetryAfter(5 * time.Second)),
	},
	"retry-after-date": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Times(1).Do(faults.Status(429).RetryAt(5 * time.Second)),
	},
	"retry-after-huge": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Times(1).Do(faults.Status(429).Header("Retry-After", "1746136938")),
	},
	"pull-limit-429-hub": {
		faults.On(op.ManifestGet).Do(faults.Status(429).Error("TOOMANYREQUESTS", "You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit").Header("Docker-Ratelimit-Source", "192.0.2.1").Header("Ratelimit-Limit", "100;w=21600").Header("Ratelimit-Remaining", "0;w=21600")),
	},
	"rate-exceeded-429-ecr": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Times(2).Do(faults.Status(429).Error("TOOMANYREQUESTS", "Rate exceeded")),
	},
	"data-limit-429-ecr-public": {
		faults.On(op.ManifestGet).Do(faults.Status(429).Error("TOOMANYREQUESTS", "Data limit exceeded")),
	},
	"rate-limit-429-ghcr": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Times(1).Do(faults.Status(429).Error("TOOMANYREQUESTS", "retry-after: 880.092µs, allowed: 44000/minute")),
	},
	"abuse-limit-429-hub": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Times(1).Do(faults.Status(429).Body("text/plain", "Too Many Requests (HAP429).\n").RetryAfter(time.Minute).Header("Connection", "close")),
	},
	"manifest-put-429": {
		faults.On(op.ManifestPut).Times(1).Do(faults.Status(429).Error("TOOMANYREQUESTS", "Rate exceeded").RetryAfter(time.Second)),
	},
	"bad-gateway-html": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Times(2).Do(faults.Status(502).HTML()),
	},
	"service-unavailable-html": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Times(1).Do(faults.Status(503).HTML()),
	},
	"gateway-timeout-html": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Times(1).Do(faults.Status(504).HTML()),
	},
	"not-found-html": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.Status(404).HTML()),
	},
	"push-refused-html": {
		faults.On(op.UploadStart, op.BlobPost, op.BlobMount).Do(faults.Status(405).HTML()),
	},
	"not-found-plain-text": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.Status(404).Body("text/plain; charset=utf-8", "404 page not found\n")),
	},
	"empty-error-body": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.Status(404).Body("application/json", "")),
	},
	"error-details-hub": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.Status(400).Body("application/json", `{"details":"invalid repository name"}`)),
	},
	"error-code-number": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.Status(404).Body("application/json", `{"errors": [{"code": "404", "message": "Not Found"}]}`)),
	},
	"error-code-harbor": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.Status(404).Error("NOT_FOUND", "artifact {repo}:{tag} not found")),
	},
	"error-bare-object": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.Status(401).Body("application/json", `{"code":"UNAUTHORIZED","message":"authentication required","detail":{}}`).Header("WWW-Authenticate", `Basic realm="Authorization Required"`)),
	},
	"upload-500": {
		faults.On(op.UploadChunk, op.UploadCommit).Times(1).Do(faults.Status(500)),
	},
	"blob-500": {
		faults.On(op.BlobGet).Times(1).Do(faults.Status(500)),
	},
	"manifest-put-504-every-other": {
		faults.On(op.ManifestPut).Every(2).Do(faults.Status(504).HTML()),
	},
	"mirror-503": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Where(record.Namespace("*")).Do(faults.Status(503)),
	},
	"mirror-html-200": {
		faults.On(op.ManifestGet, op.ManifestHead).Where(record.Namespace("*")).Do(faults.Status(200).Body("text/html; charset=utf-8", "<html><body>Welcome</body></html>\n")),
	},
	"tags-html-200": {
		faults.On(op.TagList).Do(faults.Status(200).Body("text/html; charset=utf-8", "<!DOCTYPE html>\n<html><body>Artifact Registry</body></html>\n")),
	},
	"token-expires-mid-push": {
		faults.On(op.UploadCommit).Times(1).BeforeAuth().Do(faults.RevokeTokens()),
	},
	"token-rejected-fresh": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Times(1).Do(faults.Status(401).Header("WWW-Authenticate", `Bearer realm="{realm}",service="{service}",scope="{scope}",error="invalid_token"`)),
	},
	"token-rejected-always": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Do(faults.Status(401).Header("WWW-Authenticate", `Bearer realm="{realm}",service="{service}",scope="{scope}",error="invalid_token"`)),
	},
	"token-endpoint-500": {
		faults.On(op.Token).Times(1).Do(faults.Status(500)),
	},
	"token-endpoint-429": {
		faults.On(op.Token).Times(1).Do(faults.Status(429).RetryAfter(5 * time.Second)),
	},
	"token-endpoint-html": {
		faults.On(op.Token).Do(faults.Status(200).Body("text/html; charset=utf-8", "<!DOCTYPE html>\n<html><body><form action=\"/login\"></form></body></html>\n")),
	},
	"token-endpoint-broken-json": {
		faults.On(op.Token).Where(record.Status("200")).Do(faults.Truncate(20)),
	},
	"token-endpoint-missing-field": {
		faults.On(op.Token).Where(record.Status("200")).Do(faults.DropField("token"), faults.DropField("access_token")),
	},
	"token-endpoint-slow": {
		faults.On(op.Token).Times(1).Do(faults.Delay(time.Minute)),
	},
	"token-endpoint-down": {
		faults.On(op.Token).Do(faults.Close(0)),
	},
	"token-post-404": {
		faults.On(op.Token).Where(record.Method("POST")).Do(faults.Status(404).Body("text/plain; charset=utf-8", "Not Found\n")),
	},
	"token-post-405": {
		faults.On(op.Token).Where(record.Method("POST")).Do(faults.Status(405).Body("text/plain; charset=utf-8", "Method Not Allowed\n")),
	},
	"token-post-403": {
		faults.On(op.Token).Where(record.Method("POST")).Do(faults.Status(403).Body("text/plain; charset=utf-8", "Forbidden\n")),
	},
	"token-denied-ghcr": {
		faults.On(op.Token).Do(faults.Status(403).Error("DENIED", "denied")),
	},
	"challenge-missing": {
		faults.On().Where(record.Not(record.Op(op.Token, op.TokenKeys, op.External)), record.Not(record.Authenticated())).BeforeAuth().Do(faults.DropHeader("WWW-Authenticate")),
	},
	"challenge-only-on-ping": {
		faults.On().Where(record.Not(record.Op(op.Token, op.TokenKeys, op.External)), record.Not(record.Authenticated()), record.Not(record.Op(op.Ping))).BeforeAuth().Do(faults.DropHeader("WWW-Authenticate")),
	},
	"challenge-doubled": {
		faults.On().Where(record.Not(record.Op(op.Token, op.TokenKeys, op.External)), record.Not(record.Authenticated())).BeforeAuth().Do(faults.SetHeader("WWW-Authenticate", `Basic realm="ocifake"`, `Bearer realm="{realm}",service="{service}",scope="{scope}"`)),
	},
	"challenge-capitals": {
		faults.On().Where(record.Not(record.Op(op.Token, op.TokenKeys, op.External)), record.Not(record.Authenticated())).BeforeAuth().Do(faults.SetHeader("WWW-Authenticate", `BASIC realm="Sonatype Nexus Repository Manager"`)),
	},
	"challenge-unknown-scheme": {
		faults.On().Where(record.Not(record.Op(op.Token, op.TokenKeys, op.External)), record.Not(record.Authenticated())).BeforeAuth().Do(faults.SetHeader("WWW-Authenticate", "Negotiate", `Basic realm="ocifake"`)),
	},
	"realm-elsewhere": {
		faults.On().Where(record.Not(record.Op(op.Token, op.TokenKeys, op.External)), record.Not(record.Authenticated()), record.Not(record.Secure())).BeforeAuth().Do(faults.SetHeader("WWW-Authenticate", `Bearer realm="http://{cdnhost}/token",service="{service}",scope="{scope}"`)),
		faults.On().Where(record.Not(record.Op(op.Token, op.TokenKeys, op.External)), record.Not(record.Authenticated()), record.Secure()).BeforeAuth().Do(faults.SetHeader("WWW-Authenticate", `Bearer realm="https://{cdnhost}/token",service="{service}",scope="{scope}"`)),
	},
	"redirect-challenged": {
		faults.On(op.BlobGet).Do(faults.Redirect(307, "{cdn}")),
		faults.On(op.External).Times(1).Do(faults.Status(401).Header("WWW-Authenticate", `Bearer realm="{origin}/token",service="elsewhere"`)),
	},
	"forbidden-for-absent": {
		faults.On(op.ManifestGet, op.ManifestHead).Until(record.Op(op.ManifestPut)).Do(faults.Status(403).Error("UNAUTHORIZED", "The client does not have permission for manifest: {tag}{digest}").Detail(map[string]any{"manifest": "{tag}{digest}"})),
	},
	"unauthorized-for-absent": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet, op.TagList).Do(faults.Status(401).Error("UNAUTHORIZED", "authentication required").Detail([]any{map[string]any{"Action": "pull", "Class": "", "Name": "{repo}", "Type": "repository"}}).Header("WWW-Authenticate", `Bearer realm="{realm}",service="{service}",scope="{scope}",error="insufficient_scope"`)),
	},
	"mount-denied-401": {
		faults.On(op.BlobMount).Do(faults.Status(401)),
	},
	"mount-denied-403": {
		faults.On(op.BlobMount).Do(faults.Status(403)),
	},
	"mount-ignored": {
		faults.On(op.BlobMount).Do(faults.RefuseMount()),
	},
	"upload-session-lost": {
		faults.On(op.UploadChunk, op.UploadCommit).Times(1).Do(faults.LoseUpload()),
	},
	"commit-reply-lost": {
		faults.On(op.UploadCommit).Times(1).Do(faults.LoseReply()),
	},
	"commit-reply-and-blob-lost": {
		faults.On(op.UploadCommit).Times(1).Do(faults.LoseReply(), faults.Vanish()),
	},
	"upload-not-resumable": {
		faults.On(op.UploadChunk, op.UploadCommit).Times(1).Do(faults.Status(404).Error("BLOB_UPLOAD_INVALID", "blob upload invalid")),
	},
	"chunk-416": {
		faults.On(op.UploadChunk).Times(1).Do(faults.Status(416)),
	},
	"chunk-too-large-ghcr": {
		faults.On(op.UploadChunk).Where(record.Header("Content-Range")).Do(faults.Ceiling(4 << 20).Answer(faults.Status(416).Error("REQUESTED_RANGE_NOT_SATISFIABLE", "the request body is too large and exceeds the maximum permissible limit of 4.00MiB"))),
	},
	"chunk-201": {
		faults.On(op.UploadChunk).Do(faults.SetStatus(201)),
	},
	"upload-range-quay": {
		faults.On(op.UploadStart, op.BlobMount).Do(faults.SetHeader("Range", "bytes=0--1")),
	},
	"chunk-too-small-500": {
		faults.On(op.UploadChunk).Where(record.Header("Content-Range", "0-*"), record.Not(record.LengthOver(5242879))).Do(faults.Status(500)),
	},
	"chunk-too-small-400": {
		faults.On(op.UploadStart, op.BlobMount).Do(faults.SetHeader("OCI-Chunk-Min-Length", "5242880")),
		faults.On(op.UploadChunk).Where(record.Header("Content-Range", "0-*"), record.Not(record.LengthOver(5242879))).Do(faults.Status(400).Error("SIZE_INVALID", "the chunk is too small")),
	},
	"chunks-unsupported": {
		faults.On(op.UploadChunk).Do(faults.Status(400).Error("UNSUPPORTED", "the operation is unsupported")),
	},
	"location-http": {
		faults.On(op.UploadStart, op.BlobMount, op.UploadChunk).Do(faults.Location{Scheme: "http"}),
	},
	"location-absolute": {
		faults.On(op.UploadStart, op.BlobMount, op.UploadChunk).Do(faults.Location{Absolute: true}),
	},
	"blob-unknown-after-push": {
		faults.On(op.UploadCommit, op.BlobPost).Do(faults.Hide(1, 3*time.Second)),
	},
	"blob-gone-after-push": {
		faults.On(op.UploadCommit, op.BlobPost).Times(1).Do(faults.Vanish()),
	},
	"manifest-unknown-after-push": {
		faults.On(op.ManifestPut).Times(1).Do(faults.Hide(2, 0)),
	},
	"stale-tag": {
		faults.On(op.ManifestPut).Times(1).Do(faults.StaleTag(2, 0)),
	},
	"cdn-rejects-authorization": {
		faults.On(op.BlobGet).Do(faults.Redirect(307, "{cdn}")),
	},
	"redirect-expired": {
		faults.On(op.BlobGet).Times(1).Do(faults.Redirect(307, "{expired}")),
	},
	"redirect-dead-host": {
		faults.On(op.BlobGet).Do(faults.Redirect(307, "http://{dead}/v2/{repo}/blobs/{digest}")),
	},
	"redirect-loop": {
		faults.On(op.BlobGet).Do(faults.Redirect(307, "{target}")),
	},
	"redirect-to-website": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.Redirect(302, "{origin}/-/packages/{repo}")),
		faults.On(op.Unknown).Do(faults.Status(404).HTML()),
	},
	"head-405": {
		faults.On(op.ManifestHead).Do(faults.Status(405)),
	},
	"head-404": {
		faults.On(op.ManifestHead).Do(faults.Status(404)),
	},
	"range-ignored": {
		faults.On(op.BlobGet).Where(record.Not(record.Header("Range"))).Times(1).Do(faults.Close(100)),
		faults.On(op.BlobGet).Where(record.Header("Range")).Do(faults.IgnoreRange()),
	},
	"index-accept-404": {
		faults.On(op.ManifestGet, op.ManifestHead).Where(record.Not(record.Header("Accept", "*application/vnd.oci.image.index.v1+json*"))).Do(faults.Status(404).Error("MANIFEST_UNKNOWN", "OCI index found, but accept header does not support OCI indexes")),
	},
	"corrupt-blob": {
		faults.On(op.BlobGet).Times(1).Do(faults.Corrupt(10)),
	},
	"empty-blob": {
		faults.On(op.BlobGet).Times(1).Do(faults.Truncate(0)),
	},
	"digest-header-wrong": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.SetHeader("Docker-Content-Digest", "sha256:0000000000000000000000000000000000000000000000000000000000000000")),
	},
	"digest-header-wrong-on-head": {
		faults.On(op.ManifestHead).Do(faults.SetHeader("Docker-Content-Digest", "sha256:0000000000000000000000000000000000000000000000000000000000000000")),
	},
	"digest-header-missing": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.DropHeader("Docker-Content-Digest")),
	},
	"manifest-type-json": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.SetHeader("Content-Type", "application/json")),
	},
	"manifest-type-plain": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.SetHeader("Content-Type", "text/plain; charset=utf-8")),
	},
	"manifest-type-parameters": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.SetHeader("Content-Type", "application/vnd.oci.image.manifest.v1+json; charset=utf-8")),
	},
	"head-type-missing": {
		faults.On(op.ManifestHead).Do(faults.DropHeader("Content-Type")),
	},
	"blob-type-html": {
		faults.On(op.BlobGet, op.BlobHead).Do(faults.SetHeader("Content-Type", "text/html; charset=utf-8")),
	},
	"length-missing": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet, op.BlobHead).Do(faults.DropHeader("Content-Length")),
	},
	"head-length-zero": {
		faults.On(op.ManifestHead, op.BlobHead).Do(faults.SetHeader("Content-Length", "0")),
	},
	"content-encoding-gzip": {
		faults.On(op.ManifestGet, op.BlobGet).Do(faults.Compress("gzip")),
	},
	"content-encoding-x-gzip": {
		faults.On(op.BlobGet).Do(faults.SetHeader("Content-Encoding", "x-gzip")),
	},
	"pagination-ignored": {
		faults.On(op.TagList).Do(faults.DropQuery()),
	},
	"link-self": {
		faults.On(op.TagList, op.RepositoryList, op.ReferrerList).Do(faults.SetHeader("Link", `<{target}>; rel="next"`)),
	},
	"link-wrong-path": {
		faults.On(op.TagList).Do(faults.SetHeader("Link", `<{prefix}/repository/docker/v2/{repo}/tags/list?n=100&last=v1>; rel="next"`)),
		faults.On(op.Unknown).Do(faults.Status(400).HTML()),
	},
	"link-relative": {
		faults.On(op.TagList).Times(1).Do(faults.Status(200).Body("application/json", `{"name":"{repo}","tags":["v1"]}`).Header("Link", `<list?last=v1>; rel="next"`)),
	},
	"link-without-brackets": {
		faults.On(op.TagList).Times(1).Do(faults.Status(200).Body("application/json", `{"name":"{repo}","tags":["v1"]}`).Header("Link", "{origin}{prefix}/v2/{repo}/tags/list?last=v1; rel=next")),
	},
	"page-size-405-ecr": {
		faults.On(op.TagList).Times(1).Do(faults.Status(405).Error("UNSUPPORTED", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 1000'")),
	},
	"tags-null": {
		faults.On(op.TagList).Where(record.Status("200")).Do(faults.SetField("tags", nil)),
	},
	"tags-with-null": {
		faults.On(op.TagList).Where(record.Status("200")).Do(faults.ReplaceText(`"tags":["`, `"tags":[null,"`)),
	},
	"tags-with-digest": {
		faults.On(op.TagList).Where(record.Status("200")).Do(faults.ReplaceText(`"tags":["`, `"tags":["sha256:0000000000000000000000000000000000000000000000000000000000000000","`)),
	},
	"tags-unsorted": {
		faults.On(op.TagList).Do(faults.Status(200).Body("application/json", `{"name":"{repo}","tags":["v2","v3","v1"]}`)),
	},
	"referrers-404": {
		faults.On(op.ReferrerList).Do(faults.Status(404).Body("text/plain; charset=utf-8", "404 page not found\n")),
		faults.On(op.ManifestPut).Do(faults.DropHeader("OCI-Subject")),
	},
	"referrers-tag-no-index": {
		faults.On(op.ReferrerList).Do(faults.Status(404).Body("text/plain; charset=utf-8", "404 page not found\n")),
		faults.On(op.ManifestPut).Do(faults.DropHeader("OCI-Subject")),
		faults.On(op.ManifestGet, op.ManifestHead).Tag("sha256-*").Do(faults.DigestTags()),
	},
	"subject-refused-404-hub": {
		faults.On(op.ManifestPut).Tag("").Do(faults.Status(404).Body("text/plain; charset=utf-8", "404 page not found\n")),
	},
	"subject-refused-405-ecr": {
		faults.On(op.ManifestPut).Tag("").Do(faults.Status(405)),
	},
	"referrers-without-type": {
		faults.On(op.ReferrerList).Where(record.Status("200")).Do(faults.DropField("manifests.*.artifactType")),
	},
	"immutable-tag-400-ecr": {
		faults.On(op.ManifestPut).Do(faults.Immutable(faults.Status(400).Error("TAG_INVALID", "The image tag '{tag}' already exists in the '{repo}' repository and cannot be overwritten because the repository is immutable."))),
	},
	"immutable-tag-409-quay": {
		faults.On(op.ManifestPut).Do(faults.Immutable(faults.Status(409).Error("TAG_IMMUTABLE", "tag is immutable and cannot be overwritten").Detail(map[string]any{"message": "tag '{tag}' is immutable"}))),
	},
	"immutable-tag-412-harbor": {
		faults.On(op.ManifestPut).Do(faults.Immutable(faults.Status(412).Error("PRECONDITION", "Failed to process request due to '{repo}:{tag}' configured as immutable."))),
	},
	"F49a": {
		faults.On(op.ManifestGet).Do(faults.SetField("mediaType", "application/vnd.docker.distribution.manifest.v2+json"), faults.SetHeader("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")),
	},
	"G5": {
		faults.On(op.BlobGet).Times(1).Do(faults.ResetStream(100).Code(2)),
	},
	"G47": {
		faults.On(op.ManifestGet, op.ManifestHead).Where(record.Digest("sha512:*")).Do(faults.SetHeader("Docker-Content-Digest", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")),
	},
	"G48": {
		faults.On(op.ManifestHead).Do(faults.Status(403)),
	},
	"G51": {
		faults.On(op.ManifestGet).Tag("many").Do(faults.DropField("manifests.*.platform").WithDigest()),
	},
	"G62": {
		faults.On(op.BlobGet).Times(1).Do(faults.Stall(0, time.Millisecond), faults.Close(1)),
	},
	"C26": {
		faults.On(op.ManifestGet).Do(faults.Compress("gzip").WithLength()),
	},
	"C27": {
		faults.On(op.BlobGet).Where(record.Header("Accept-Encoding", "*zstd*")).Do(faults.Compress("zstd")),
	},
	"C27a": {
		faults.On(op.BlobGet).Do(faults.Compress("gzip"), faults.Compress("deflate")),
	},
	"C15": {
		faults.On().Where(record.Namespace("*"), record.Status("404")).Do(faults.Status(500)),
	},
	"C23": {
		faults.On().Do(faults.DropHeader("Docker-Distribution-Api-Version")),
	},
	"F56a": {
		faults.On(op.BlobGet).Where(record.Header("Range", "*,*")).Do(faults.Multipart().WithWrongBoundary()),
	},
	"C1": {
		faults.On(op.BlobGet).Where(record.Not(record.Header("Range"))).Times(1).Do(faults.Close(500)),
		faults.On(op.BlobGet).Where(record.Header("Range")).Do(faults.ShiftRange(-500)),
	},
	"C2": {
		faults.On(op.BlobGet).Where(record.Header("Range")).Do(faults.DropHeader("Content-Range")),
	},
	"C3": {
		faults.On(op.BlobGet).Where(record.Header("Range", "*,*")).Do(faults.Status(400)),
	},
	"C4": {
		faults.On(op.BlobGet).Do(faults.Multipart()),
	},
	"C5": {
		faults.On(op.BlobGet).Where(record.Header("Range")).Do(faults.IgnoreRange()),
	},
	"C6": {
		faults.On(op.BlobGet).Where(record.Not(record.Header("Range"))).Times(1).Do(faults.Close(500)),
		faults.On(op.BlobGet).Where(record.Header("Range")).Do(faults.Status(400).Body("application/xml", "<Error><Code>InvalidArgument</Code></Error>")),
	},
	"G3": {
		faults.On(op.BlobGet).Times(1).Do(faults.ResetStream(100).Code(1)),
	},
	"G55": {
		faults.On(op.BlobGet).Where(record.Header("Range", "bytes=*-")).Do(faults.Status(416)),
	},
	"G56": {
		faults.On(op.BlobGet).Do(faults.Redirect(307, "{cdn}")),
		faults.On(op.External).Times(1).Do(faults.Close(100)),
	},
	"F45": {
		faults.On(op.UploadCommit).Times(1).Do(faults.Status(500)),
	},
	"G20": {
		faults.On(op.ManifestPut).Times(1).Do(faults.Status(401).Header("Connection", "close")),
	},
	"G21": {
		faults.On(op.UploadCommit).Times(1).Do(faults.Status(401)),
	},
	"G22": {
		faults.On(op.UploadChunk, op.UploadCommit).Times(1).Do(faults.Ceiling(100).Answer(faults.Status(401).Error("UNAUTHORIZED", "").Header("WWW-Authenticate", `Bearer realm="{realm}",service="{service}",scope="{scope}"`))),
	},
	"G31": {
		faults.On(op.UploadChunk, op.UploadCommit).Where(record.Not(record.Query("_state"))).Do(faults.Status(404).Error("BLOB_UPLOAD_INVALID", "").Detail("invalid secret")),
	},
	"G35": {
		faults.On(op.UploadCommit).Where(record.Status("201")).Times(1).Do(faults.Status(400).Error("BLOB_UPLOAD_INVALID", "")),
	},
	"G36": {
		faults.On(op.UploadCommit).Times(1).Do(faults.Delay(90*time.Second), faults.Close(0)),
	},
	"G42": {
		faults.On(op.UploadCommit).Times(1).Do(faults.DelayReply(45 * time.Second)),
	},
	"G44": {
		faults.On(op.BlobHead).Times(1).Do(faults.Close(0)),
	},
	"G45": {
		faults.On(op.ManifestPut).Do(faults.DropHeader("Docker-Content-Digest")),
	},
	"G46": {
		faults.On(op.ManifestPut).Do(faults.SetHeader("Docker-Content-Digest", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")),
	},
	"G50": {
		faults.On(op.ManifestPut).Times(1).Do(faults.Status(400).Error("MANIFEST_INVALID", "manifest list entries must be manifests")),
	},
	"C35a": {
		faults.On(op.UploadStart).Times(1).Do(faults.DropHeader("Location")),
		faults.On(op.BlobHead).Times(1).Do(faults.Status(405)),
		faults.On(op.ManifestPut).Do(faults.SetHeader("Docker-Content-Digest", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")),
	},
	"C35": {
		faults.On(op.UploadCommit).Do(faults.SetStatus(200)),
		faults.On(op.ManifestPut).Do(faults.SetStatus(204)),
		faults.On(op.UploadStart).Do(faults.SetStatus(201)),
	},
	"F40": {
		faults.On(op.UploadChunk).Times(1).Do(faults.DropChunk()),
	},
	"F41a": {
		faults.On(op.UploadChunk).Do(faults.ShiftProgress(1)),
	},
	"G1": {
		faults.On(op.UploadChunk).Times(1).Do(faults.ResetStream(100).OfRequest().Code(7)),
	},
	"G2": {
		faults.On(op.UploadChunk).Times(1).Do(faults.ResetStream(100).OfRequest().Code(2)),
	},
	"G24": {
		faults.On(op.UploadChunk).Do(faults.SetStatus(204)),
	},
	"G25": {
		faults.On(op.UploadChunk).Do(faults.SetStatus(201)),
	},
	"G26": {
		faults.On(op.UploadChunk).Times(1).Do(faults.LoseReply()),
	},
	"G27": {
		faults.On(op.UploadChunk).After(1).Do(faults.StuckProgress()),
	},
	"G28": {
		faults.On(op.UploadChunk).Do(faults.ShiftProgress(-200)),
	},
	"G29": {
		faults.On(op.UploadChunk).Do(faults.ShiftProgress(1)),
	},
	"G30": {
		faults.On(op.UploadChunk).Times(1).Do(faults.DropHeader("Location")),
	},
	"G34": {
		faults.On(op.UploadStart).Do(faults.Location{Host: "registry.test"}),
	},
	"G37": {
		faults.On(op.UploadChunk).Do(faults.Concurrency(1).Answer(faults.Status(500))),
	},
	"G41": {
		faults.On(op.UploadChunk, op.UploadCommit).Times(1).Do(faults.Status(408).Header("Connection", "close")),
	},
	"C16": {
		faults.On(op.UploadChunk, op.UploadCommit).Do(faults.DropRequestHeader("Content-Range")),
	},
	"C22": {
		faults.On(op.UploadChunk).Seq(faults.Pass(), faults.ShiftProgress(-300), faults.ShiftProgress(-600)),
	},
	"C24": {
		faults.On(op.UploadStart).Do(faults.SetHeader("Set-Cookie", "sid=1; Path=/")),
		faults.On(op.UploadChunk, op.UploadCommit).Where(record.Not(record.Header("Cookie"))).Do(faults.Status(404)),
	},
	"C45": {
		faults.On(op.UploadChunk).After(2).Do(faults.Status(401)),
	},
	"C45a": {
		faults.On(op.UploadChunk).After(2).Do(faults.LoseUpload()),
	},
	"C34": {
		faults.On(op.BlobMount).Do(faults.Status(201).Header("Location", "/v2/{repo}/blobs/{digest}")),
	},
	"G43": {
		faults.On(op.BlobMount).Do(faults.RefuseMount()),
	},
	"F64": {
		faults.On(op.TagList).Where(record.Query("last"), record.Not(record.Query("next_page"))).Do(faults.Status(400)),
		faults.On(op.TagList).Where(record.Query("next_page", "v1")).Do(faults.Status(200).Body("application/json", `{"name":"{repo}","tags":["v2"]}`)),
		faults.On(op.TagList).Do(faults.SetHeader("Link", `<{prefix}/v2/{repo}/tags/list?next_page=v1>; rel="next"`), faults.SetField("tags", []any{"v1"})),
	},
	"C18": {
		faults.On(op.TagList).Where(record.Query("last"), record.Not(record.Query("next_page"))).Do(faults.Status(400)),
		faults.On(op.TagList).Where(record.Query("next_page", "v1")).Do(faults.Status(200).Body("application/json", `{"name":"{repo}","tags":["v2"]}`)),
		faults.On(op.TagList).Do(faults.SetHeader("Link", `<{prefix}/v2/{repo}/tags/list?next_page=v1>; rel="next"`), faults.SetField("tags", []any{"v1"})),
	},
	"G65": {
		faults.On(op.RepositoryList).Do(faults.SetHeader("Link", `</v2/_catalog?last=user%2Fimage&n=100>; rel="next"`)),
	},
	"G66": {
		faults.On(op.TagList).Where(record.Query("last")).Do(faults.SetHeader("Link", `<{target}?n=1&last=v1>; rel="next"`)),
	},
	"C17": {
		faults.On(op.ReferrerList).Do(faults.DropQuery()),
	},
	"G54": {
		faults.On(op.ReferrerList).Do(faults.RateLimit(1, 10*time.Second)),
	},
	"G69": {
		faults.On(op.ReferrerList).Do(faults.Redirect(307, "{origin}/login")),
		faults.On(op.Unknown).Do(faults.Status(200).HTML()),
	},
	"G70": {
		faults.On(op.ReferrerList).Do(faults.DropField("manifests.*")),
		faults.On(op.ManifestPut).Do(faults.DropHeader("OCI-Subject")),
	},
	"G71": {
		faults.On(op.ReferrerList).Do(faults.RateLimit(1000, time.Minute).By(faults.Subject).NoHeader()),
	},
	"G72": {
		faults.On(op.ManifestPut).Tag("sha256-*").Times(1).Do(faults.Delay(time.Second)),
	},
	"C41": {
		faults.On(op.ManifestDelete).Do(faults.LateDelete(2, 0)),
	},
	"G73": {
		faults.On(op.ManifestDelete).Times(1).Do(faults.LoseReply()),
	},
	"G74": {
		faults.On(op.ManifestDelete).Continue().Do(faults.Concurrency(1).Answer(faults.Status(500))),
		faults.On(op.ManifestDelete).Do(faults.Delay(time.Second)),
	},
	"G75": {
		faults.On(op.TagDelete).Do(faults.LateDelete(0, time.Hour)),
		faults.On(op.ManifestGet, op.ManifestHead).Tag("v2").Do(faults.Status(404)),
	},
	"G76": {
		faults.On(op.ManifestDelete, op.BlobDelete).Do(faults.LateDelete(0, 10*time.Second)),
	},
	"G77": {
		faults.On(op.ManifestGet).Tag("v2").Times(1).Do(faults.Status(404)),
	},
	"G78": {
		faults.On(op.ManifestDelete).Where(record.Digest("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")).Until(record.Op(op.ManifestDelete), record.Digest("sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")).Do(faults.Status(400).Error("GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", "")),
	},
	"F30a": {
		faults.On().Where(record.Status("404")).Do(faults.Status(403)),
	},
	"C10": {
		faults.On().Where(record.Authenticated(), record.Not(record.Op(op.Token))).BeforeAuth().Do(faults.DropHeader("WWW-Authenticate")),
	},
	"C11": {
		faults.On(op.Token).Where(record.Method("POST")).Do(faults.Status(200).HTML()),
	},
	"C13": {
		faults.On(op.Token).Where(record.Method("GET")).Do(faults.Status(404)),
	},
	"C14": {
		faults.On().Where(record.Not(record.Op(op.Token)), record.Header("Authorization", "Basic *")).BeforeAuth().Do(faults.Status(403).Error("DENIED", "")),
	},
	"C20": {
		faults.On(op.Token).Seq(faults.SetField("expires_in", 0), faults.SetField("expires_in", nil), faults.SetField("issued_at", "soon")),
	},
	"C20a": {
		faults.On(op.Token).Do(faults.RenameField("token", "TOKEN"), faults.DropField("access_token")),
	},
	"C36": {
		faults.On().Where(record.Not(record.Authenticated()), record.Op(op.Ping)).BeforeAuth().Do(faults.SetHeader("WWW-Authenticate", `BEARER realm="{realm}",service="{service}"`)),
		faults.On().Where(record.Not(record.Authenticated()), record.Op(op.ManifestGet)).BeforeAuth().Do(faults.SetHeader("WWW-Authenticate", `Bearer realm="{realm}",empty="",service="{service}"`)),
		faults.On().Where(record.Not(record.Authenticated()), record.Op(op.TagList)).BeforeAuth().Do(faults.SetHeader("WWW-Authenticate", `Basic realm="a, b", Bearer realm="{realm}",service="{service}"`)),
	},
	"G6": {
		faults.On(op.Token).Where(record.Method("POST")).Do(faults.DropField("access_token")),
	},
	"G8": {
		faults.On(op.Token).Do(faults.SetField("expires_in", "300")),
	},
	"G10": {
		faults.On(op.Ping).Where(record.Not(record.Authenticated())).Do(faults.SetHeader("WWW-Authenticate", `Bearer realm="{realm}"`)),
	},
	"G11": {
		faults.On().Where(record.Not(record.Authenticated())).BeforeAuth().Do(faults.SetHeader("WWW-Authenticate", "Basic realm=/")),
	},
	"G12": {
		faults.On().Where(record.Not(record.Authenticated())).BeforeAuth().Do(faults.SetHeader("WWW-Authenticate", "Basic")),
	},
	"G13": {
		faults.On().Where(record.Authenticated(), record.Not(record.Op(op.Token)), record.Status("401")).Do(faults.SetHeader("WWW-Authenticate", `Basic realm=openshift,error="access denied"`)),
	},
	"G14": {
		faults.On(op.UploadBegin()...).Where(record.Authenticated()).Times(1).Do(faults.Status(401).Header("WWW-Authenticate", `Bearer realm="{realm}",service="{service}",scope="{scope} repository:other:pull",error="insufficient_scope"`)),
	},
	"G15": {
		faults.On().Where(record.Authenticated(), record.Op(op.UploadBegin()...), record.Status("401")).Do(faults.SetStatus(403)),
	},
	"G23": {
		faults.On(op.Token).Times(3).Do(faults.Status(429).RetryAfter(time.Second)),
	},
	"C31": {
		faults.On(op.UploadChunk, op.UploadCommit).Do(faults.Status(413).HTML()),
	},
	"C32": {
		faults.On(op.UploadChunk, op.UploadCommit).Do(faults.Ceiling(100_000_000)),
	},
	"C37": {
		faults.On(op.ManifestGet).Seq(faults.Status(429).RetryAt(-1*time.Hour), faults.Status(429).RetryAfter(-5*time.Second), faults.Status(429).Header("Retry-After", "0")),
	},
	"G38": {
		faults.On(op.UploadChunk, op.UploadCommit, op.BlobGet).Do(faults.Concurrency(2).Answer(faults.Status(503))),
	},
	"G39": {
		faults.On(op.UploadChunk).Do(faults.Ceiling(500).Answer(faults.Status(413).HTML())),
	},
	"G40": {
		faults.On(op.UploadChunk, op.UploadCommit).Do(faults.Ceiling(500)),
	},
	"G52": {
		faults.On(op.ManifestGet, op.ManifestHead).Do(faults.Status(429).Error("DENIED", "Request exceeded pull rate limit")),
	},
	"G53": {
		faults.On(op.ManifestHead).Do(faults.SetHeader("RateLimit-Limit", ";w=21600"), faults.SetHeader("RateLimit-Remaining", ";w=21600")),
	},
	"C43": {
		faults.On().Where(record.Method("OPTIONS")).Do(faults.Status(204).Header("Access-Control-Allow-Origin", "*").Header("Access-Control-Allow-Methods", "GET, HEAD, DELETE")),
	},
	"C44": {
		faults.On(op.ManifestGet).Seq(faults.Status(407).Header("Proxy-Authenticate", "Basic realm=proxy"), faults.Status(417), faults.Status(451)),
	},
	"F10": {
		faults.On(op.BlobGet).Do(faults.Redirect(307, "http://gone.invalid/")),
	},
	"C7": {
		faults.On(op.UploadStart).Do(faults.Redirect(307, "http://b.test{target}")),
	},
	"C8": {
		faults.On(op.UploadStart).Do(faults.Location{Host: "{cdnhost}"}),
	},
	"C9": {
		faults.On().Where(record.Not(record.Secure())).Do(faults.Redirect(308, "https://{host}{target}")),
	},
	"C33": {
		faults.On(op.BlobGet).Where(record.Header("Range")).Do(faults.Redirect(307, "{expired}")),
		faults.On(op.BlobGet, op.BlobHead).Do(faults.Redirect(307, "{cdn}")),
		faults.On(op.External).Where(record.Method("HEAD")).Do(faults.Status(403)),
	},
	"G49": {
		faults.On(op.ManifestHead, op.ManifestGet).Do(faults.Redirect(307, "{cdn}")),
		faults.On(op.External).Where(record.Method("HEAD")).Do(faults.Status(403)),
	},
	"G57": {
		faults.On(op.BlobGet).Do(faults.Redirect(307, "{cdn}")),
	},
	"G58": {
		faults.On(op.External).Where(record.Method("HEAD")).Do(faults.Status(403)),
		faults.On(op.BlobGet).Every(2).Do(faults.Redirect(307, "{expired}")),
		faults.On(op.BlobGet).Do(faults.Redirect(307, "{cdn}")),
	},
	"G59": {
		faults.On(op.BlobGet).Times(1).Do(faults.Redirect(307, "{target}")),
	},
	"G60": {
		faults.On(op.BlobGet).Do(faults.Redirect(307, "{cdn}")),
	},
	"G61": {
		faults.On(op.ManifestGet, op.ManifestHead, op.BlobGet).Do(faults.Redirect(307, "http://b.test{target}")),
	},
	"G4": {
		faults.On(op.ManifestPut).Times(1).Do(faults.GoAway(0)),
	},
	"C25": {
		faults.On(op.UploadStart).Times(1).Do(faults.CloseIdle()),
	},
	"C29": {
		faults.OnConnect().Times(1).Do(faults.Silence()),
	},
	"C38": {
		faults.On(op.BlobGet).Times(1).Do(faults.GoAway(100).Code(11)),
		faults.On(op.BlobGet).Times(1).Do(faults.ResetStream(100).Code(8)),
	},
	"C39": {
		faults.On(op.ManifestGet).Times(1).Do(faults.GoAwayGracefully()),
	},
	"C42": {
		faults.OnConnect().Seq(faults.FailHandshake(), faults.ExpiredCertificate(), faults.CertificateFor("other.test")),
	},
	"C42a": {
		faults.OnConnect().Do(faults.Raw("SSH-2.0-OpenSSH_9.6\r\n")),
	},
}
