package lint_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// pages reads a list page by page, as Link leads, until there is no Link. read takes a page and reports
// how many entries it has.
func (c *client) pages(path string, header map[string]string, scope string, read func(*answer) (int, error)) error {
	seen := map[string]bool{}
	for path != "" && !seen[path] {
		seen[path] = true
		a, err := c.do(call{method: http.MethodGet, url: path, header: header, scope: scope}, 200)
		if err != nil {
			return err
		}
		n, err := read(a)
		if err != nil || n == 0 {
			return err
		}
		next := link(a.header.Values("Link"))
		if next == "" || c.has("list-link-ignored", "first page only") {
			return nil
		}
		if path, err = resolve(a.url, next); err != nil {
			return err
		}
	}
	return nil
}

// link returns the URL with the relation next.
func link(values []string) string {
	for _, value := range values {
		if strings.HasPrefix(value, "/") || strings.HasPrefix(value, "http") {
			value, _, _ = strings.Cut(value, ";") // some registries forget the brackets
			return value
		}
		for part := range strings.SplitSeq(value, ",") {
			target, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
			relation := strings.ReplaceAll(strings.ToLower(parameters), `"`, "")
			if strings.Contains(relation, "rel=next") && strings.HasPrefix(target, "<") {
				return strings.Trim(target, "<> ")
			}
		}
	}
	return ""
}

// tags lists the tags of a repository.
func (c *client) tags(repo string) ([]string, error) {
	var tags []string
	return tags, c.pages("/v2/"+repo+"/tags/list", nil, c.readScope(repo), func(a *answer) (int, error) {
		var page struct{ Tags []string }
		err := json.Unmarshal(a.body, &page)
		tags = append(tags, page.Tags...)
		return len(page.Tags), err
	})
}

// catalog lists the repositories.
func (c *client) catalog() ([]string, error) {
	var all []string
	return all, c.pages("/v2/_catalog", nil, "registry:catalog:*", func(a *answer) (int, error) {
		var page struct{ Repositories []string }
		err := json.Unmarshal(a.body, &page)
		all = append(all, page.Repositories...)
		return len(page.Repositories), err
	})
}

// referrers lists the referrers of a manifest with an artifact type. Without the referrers API it reads
// the referrers tag.
func (c *client) referrers(repo string, subject digest.Digest, artifactType string) ([]ocispec.Descriptor, error) {
	var all []ocispec.Descriptor
	path := "/v2/" + repo + "/referrers/" + string(subject)
	if c.id != "referrers-unfiltered" {
		path += "?artifactType=" + url.QueryEscape(artifactType)
	}
	filtered := true
	read := func(a *answer) (int, error) {
		var page ocispec.Index
		err := json.Unmarshal(a.body, &page)
		all = append(all, page.Manifests...)
		filtered = filtered && slices.Contains(strings.Split(a.header.Get("OCI-Filters-Applied"), ","), "artifactType")
		return len(page.Manifests), err
	}
	err := c.pages(path, map[string]string{"Accept": ocispec.MediaTypeImageIndex}, c.readScope(repo), read)
	if missing(err) && !c.has("referrers-no-fallback", "404 is an error") {
		filtered = false
		var list ocispec.Index
		tag := referrersTag(subject)
		if c.has("referrers-no-fallback", "another tag") {
			tag += ".sig"
		}
		list, _, err = c.readReferrers(repo, "/v2/"+repo+"/manifests/"+tag)
		if errors.Is(err, errNoIndex) {
			err = nil // there are no referrers
		}
		all = list.Manifests
	}
	if err != nil {
		return nil, err
	}
	if !filtered {
		all = slices.DeleteFunc(all, func(d ocispec.Descriptor) bool { return d.ArtifactType != artifactType })
	}
	return all, nil
}

func missing(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.answer.status == http.StatusNotFound
}

// artifacts reads the referrers of a manifest with an artifact type.
func (c *client) artifacts(repo, tag, artifactType string) ([]*object, error) {
	d, err := c.resolve(repo, tag)
	if err != nil {
		return nil, err
	}
	list, err := c.referrers(repo, d, artifactType)
	if err != nil {
		return nil, err
	}
	var all []*object
	for _, descriptor := range list {
		o, err := c.tree(repo, "", descriptor.Digest)
		if err != nil {
			return nil, fmt.Errorf("referrer: %w", err)
		}
		all = append(all, o)
	}
	return all, c.fill(repo, all...)
}

// tagPage reads a page of tags.
func (c *client) tagPage(path string) ([]string, *answer, error) {
	a, err := c.do(call{method: http.MethodGet, url: path, scope: c.readScope("app")}, 200)
	if err != nil {
		return nil, nil, err
	}
	var page struct{ Tags []string }
	err = json.Unmarshal(a.body, &page)
	return page.Tags, a, err
}
