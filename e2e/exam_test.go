package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	ggcr "github.com/google/go-containerregistry/pkg/crane"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	orasgo "oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/oci"
	orasregistry "oras.land/oras-go/v2/registry"
	orasremote "oras.land/oras-go/v2/registry/remote"
	orasauth "oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/ocifake/ocifake/exam"
)

// examined are the libraries whose faults testdata/exam lists.
var examined = []exam.Client{
	{
		Name: "go-containerregistry",
		Push: func(ctx context.Context, reg *exam.Trial) error {
			return ggcr.Push(reg.Content, reg.Reference, ggcrOptions(ctx, reg)...)
		},
		Pull: func(ctx context.Context, reg *exam.Trial) error {
			image, err := ggcr.Pull(reg.Reference, ggcrOptions(ctx, reg)...)
			if err != nil {
				return err
			}
			return ggcr.SaveOCI(image, reg.Dir())
		},
		List: func(ctx context.Context, reg *exam.Trial) ([]string, error) {
			return ggcr.ListTags(reg.Reference, ggcrOptions(ctx, reg)...)
		},
		Copy: func(ctx context.Context, reg *exam.Trial) error {
			return ggcr.Copy(reg.Reference, reg.Target, ggcrOptions(ctx, reg)...)
		},
	},
	{
		Name: "oras-go",
		Push: func(ctx context.Context, reg *exam.Trial) error {
			from, err := layoutOf(ctx, reg.Dir(), reg.Content)
			if err != nil {
				return err
			}
			to, err := orasOf(reg, reg.Reference)
			if err != nil {
				return err
			}
			_, err = orasgo.Copy(ctx, from, "v1", to, to.Reference.Reference, orasgo.DefaultCopyOptions)
			return err
		},
		Pull: func(ctx context.Context, reg *exam.Trial) error {
			from, err := orasOf(reg, reg.Reference)
			if err != nil {
				return err
			}
			to, err := oci.NewWithContext(ctx, reg.Dir())
			if err != nil {
				return err
			}
			_, err = orasgo.Copy(ctx, from, from.Reference.Reference, to, "v1", orasgo.DefaultCopyOptions)
			return err
		},
		List: func(ctx context.Context, reg *exam.Trial) ([]string, error) {
			repo, err := orasOf(reg, reg.Reference)
			if err != nil {
				return nil, err
			}
			return orasregistry.Tags(ctx, repo)
		},
		Referrers: func(ctx context.Context, reg *exam.Trial) ([]string, error) {
			repo, err := orasOf(reg, reg.Reference)
			if err != nil {
				return nil, err
			}
			subject, err := repo.Resolve(ctx, repo.Reference.Reference)
			if err != nil {
				return nil, err
			}
			found, err := orasregistry.Referrers(ctx, repo, subject, "")
			var digests []string
			for _, d := range found {
				digests = append(digests, d.Digest.String())
			}
			return digests, err
		},
	},
}

func ggcrOptions(ctx context.Context, reg *exam.Trial) []ggcr.Option {
	return []ggcr.Option{ggcr.WithContext(ctx), ggcr.WithTransport(reg.Transport()), ggcr.WithAuth(&authn.Basic{Username: reg.Username, Password: reg.Password})}
}

func orasOf(reg *exam.Trial, reference string) (*orasremote.Repository, error) {
	repo, err := orasremote.NewRepository(reference)
	if err != nil {
		return nil, err
	}
	repo.PlainHTTP = true
	client := &orasauth.Client{Client: &http.Client{Transport: retry.NewTransport(reg.Transport())}}
	if reg.Username != "" {
		client.Credential = orasauth.StaticCredential(reg.Host(), orasauth.Credential{Username: reg.Username, Password: reg.Password})
	}
	repo.Client = client
	return repo, nil
}

// layoutOf writes an image as an OCI image layout, in which it is called v1.
func layoutOf(ctx context.Context, dir string, image v1.Image) (*oci.Store, error) {
	to, err := layout.Write(dir, empty.Index)
	if err != nil {
		return nil, err
	}
	if err := to.AppendImage(image, layout.WithAnnotations(map[string]string{ocispec.AnnotationRefName: "v1"})); err != nil {
		return nil, err
	}
	return oci.NewWithContext(ctx, dir)
}

// TestExam examines libraries under the duties, the known faults, all profiles and traits, and
// compares their faults with files: OCIFAKE_UPDATE=1 go test -run TestExam.
func TestExam(t *testing.T) {
	for _, client := range examined {
		t.Run(client.Name, func(t *testing.T) {
			card := exam.Run(t, client, exam.Only("duties", "faults", "profiles", "traits"), exam.WithReportOnly())
			var faults strings.Builder
			for _, r := range card.Trials {
				if r.Verdict.Fault() && r.Name != "token-expires-mid-push" { // it depends on which of its parallel uploads comes first
					fmt.Fprintf(&faults, "%s: %s\n", r.ID(), r.Verdict)
				}
			}
			name := filepath.Join("testdata", "exam", client.Name+".txt")
			if os.Getenv("OCIFAKE_UPDATE") != "" {
				require.NoError(t, os.WriteFile(name, []byte(faults.String()), 0o644))
			}
			want, err := os.ReadFile(name)
			require.NoError(t, err)
			assert.Equal(t, string(want), faults.String())
		})
	}
}
