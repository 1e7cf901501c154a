// Command distribution2 runs the registry of CNCF distribution 2.8 on loopback with
// everything enabled:
//
//	distribution2 [-addr 127.0.0.1:0] [-config FILE]
//
// It prints its URL and serves until it is interrupted. FILE is a configuration of
// distribution 2, of which http.addr and http.tls have no effect. Storage is "inmemory" or
// "filesystem", which by default is a temporary directory.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/docker/distribution/configuration"
	_ "github.com/docker/distribution/registry/auth/htpasswd"
	_ "github.com/docker/distribution/registry/auth/silly"
	_ "github.com/docker/distribution/registry/auth/token"
	"github.com/docker/distribution/registry/handlers"
	_ "github.com/docker/distribution/registry/storage/driver/filesystem"
	_ "github.com/docker/distribution/registry/storage/driver/inmemory"
	"github.com/sirupsen/logrus"
)

// everything is the default configuration.
//
//go:embed everything.yaml
var everything string

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "distribution2:", err)
		os.Exit(1)
	}
}

func run() error {
	addr := flag.String("addr", "127.0.0.1:0", "TCP `address` to listen on, of loopback")
	file := flag.String("config", "", "configuration `file`; by default, everything is enabled")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	text := []byte(everything)
	if *file != "" {
		var err error
		if text, err = os.ReadFile(*file); err != nil {
			return err
		}
	}
	config, err := configuration.Parse(strings.NewReader(string(text)))
	if err != nil {
		return fmt.Errorf("configuration %s: %w", *file, err)
	}
	if files := config.Storage["filesystem"]; config.Storage.Type() == "filesystem" && files["rootdirectory"] == nil {
		dir, err := os.MkdirTemp("", "distribution2-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		config.Storage["filesystem"] = configuration.Parameters{"rootdirectory": dir}
	}
	logrus.SetOutput(io.Discard) // it logs each request
	log.SetOutput(io.Discard)    // net/http logs what its handlers do wrong

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	if a, ok := listener.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return fmt.Errorf("%s is no address of loopback", *addr)
	}
	server := &http.Server{Handler: alive(handlers.NewApp(ctx, config))}
	context.AfterFunc(ctx, func() { server.Close() })
	fmt.Printf("http://%s\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// alive answers requests for / as the registry's own command does.
func alive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Cache-Control", "no-cache")
			w.WriteHeader(http.StatusOK)
			return
		}
		next.ServeHTTP(w, r)
	})
}
