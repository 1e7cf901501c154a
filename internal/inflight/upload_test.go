package inflight_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
)

func TestSingularUpload(t *testing.T) {
	for _, test := range []struct {
		path    string
		op      op.Op
		repo    string
		session string
	}{
		{"/v2/app/blobs/upload/id", op.UploadChunk, "app", "id"},
		{"/v2/app/blobs/uploads/id", op.UploadChunk, "app", "id"},
		{"/v2/a/blobs/upload/b/blobs/upload/id", op.UploadChunk, "a/blobs/upload/b", "id"},
		{"/v2/app/blobs/upload/", op.Unknown, "", ""},
		{"/v2/blobs/upload/id", op.Unknown, "", ""},
		{"/v2/app/blobs/upload/a/b", op.Unknown, "", ""},
		{"/v2/app/blobs/upload/a%2Fb", op.Unknown, "", ""},
		{"/x/app/blobs/upload/id", op.Unknown, "", ""},
	} {
		r := httptest.NewRequest(http.MethodPatch, test.path, nil)
		r, state := inflight.Begin(r.WithContext(inflight.WithSingularUpload(r.Context())))
		info := state.Info()
		assert.Equal(t, []any{test.op, test.repo, test.session}, []any{info.Op, info.Repo, info.Session}, test.path)
		edited := inflight.Edit(r, func(r *http.Request) { r.Method = http.MethodPut })
		_, again := inflight.Begin(edited)
		assert.Equal(t, test.session, again.Info().Session, test.path)
	}
	_, state := inflight.Begin(httptest.NewRequest(http.MethodPatch, "/v2/app/blobs/upload/id", nil))
	assert.Equal(t, op.Unknown, state.Info().Op, "of the strict registry")
}
