package ggcr

import (
	"net/http/httptest"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

func TestOne(t *testing.T) { httptest.NewServer(registry.New()).Close() }
