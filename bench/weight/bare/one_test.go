package bare

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOne(t *testing.T) { httptest.NewServer(http.NotFoundHandler()).Close() }
