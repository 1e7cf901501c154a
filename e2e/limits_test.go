package e2e

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// TestLimits has clients that meet limits which really count, in virtual time.
func TestLimits(t *testing.T) {
	for _, test := range []struct {
		name   string
		client client
		rule   faults.Rule
		do     func(*session, client) error
		want   func(*testing.T, *registrytest.Registry, error)
	}{
		{
			name: "a pull limit stops go-containerregistry at the third image", client: goContainerregistry,
			rule: faults.On(op.ManifestGet).Do(faults.RateLimit(2, 6*time.Hour).
				Answer(faults.Status(429).Error("TOOMANYREQUESTS", "You have reached your pull rate limit of {limit}"))),
			do: func(s *session, c client) (err error) {
				for err == nil {
					err = c.pull(s, s.ref("app", "v1"), s.t.TempDir())
				}
				return err
			},
			want: func(t *testing.T, reg *registrytest.Registry, err error) {
				require.ErrorContains(t, err, "You have reached your pull rate limit of 2")
				reg.Assert(t, record.Op(op.ManifestGet), record.Status("200")).Count(2)
				reg.Assert(t, record.Op(op.ManifestGet), record.AttemptOver(2)).AtLeast(2)
			},
		},
		{
			name: "regclient waits until the window ends", client: regclientGo,
			rule: faults.On(op.ManifestGet).Do(faults.RateLimit(2, time.Minute)),
			do: func(s *session, c client) (err error) {
				for range 5 {
					if err == nil {
						err = c.pull(s, s.ref("app", "v1"), s.t.TempDir())
					}
				}
				return err
			},
			want: func(t *testing.T, reg *registrytest.Registry, err error) {
				require.NoError(t, err)
				reg.Assert(t, record.Op(op.ManifestGet), record.Status("429")).AtLeast(1)
				reg.Assert(t, record.Op(op.ManifestGet), record.ElapsedOver(time.Minute)).AtLeast(1)
			},
		},
		{
			name: "oras-go gets more blobs at a time than it may", client: orasGo,
			rule: faults.On(op.BlobGet).Do(faults.All(faults.Concurrency(1), faults.Delay(time.Second))),
			do: func(s *session, c client) error {
				return c.pull(s, s.ref("app", "v1"), s.t.TempDir())
			},
			want: func(t *testing.T, reg *registrytest.Registry, err error) {
				require.ErrorContains(t, err, "at most 1 at a time", "its client does not retry")
				reg.Assert(t, record.Op(op.BlobGet), record.Status("429")).AtLeast(1)
			},
		},
		{
			name: "regclient pushes chunks above the ceiling", client: regclientGo,
			rule: faults.On(op.UploadChunk).Do(faults.Ceiling(chunkSize - 1)),
			do: func(s *session, c client) error {
				return c.pushChunked(s, newImage(s.t, "v2"), s.ref("app", "v2"))
			},
			want: func(t *testing.T, reg *registrytest.Registry, err error) {
				require.ErrorContains(t, err, "http 416", "it goes on at a wrong offset")
				reg.Assert(t, record.Op(op.UploadChunk), record.Status("413")).Count(1)
				reg.Assert(t, record.ChunkOver(chunkSize-1)).AtLeast(1)
				reg.Assert(t, record.Op(op.ManifestPut), record.Tag("v2")).Count(0)
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &session{target: unchecked(registrytest.WithInMemory())(t), t: t}
				require.NoError(t, test.client.push(s, newImage(t, "v1"), s.ref("app", "v1")))
				rules := s.registry.Inject(t, test.rule)
				err := test.do(s, test.client)
				assert.Positive(t, rules[0].Hits())
				test.want(t, s.registry, err)
			})
		})
	}
}
