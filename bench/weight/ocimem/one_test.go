package ocimem

import (
	"net/http/httptest"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
)

func TestOne(t *testing.T) { httptest.NewServer(ociserver.New(ocimem.New(), nil)).Close() }
