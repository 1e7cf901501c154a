package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// program is a registry in a process of its own.
type program struct {
	name   string
	source string   // folder, or a module, with a version if it is none of this module's own
	main   string   // package in there
	args   []string // with {addr}, {host}, {port} and {dir} in them
	env    []string // likewise
}

// bare is the base of what is measured of programs.
var bare = program{name: "bare", source: ".", main: "./bare", args: []string{"{addr}"}}

// programs keep content in memory, like ocifake. The first one is judged.
var programs = []program{
	{name: "ocifake", source: "..", main: "./cmd/ocifake", args: []string{"serve", "--addr", "{addr}"}},
	{name: "crane registry", source: "github.com/google/go-containerregistry", main: "./cmd/crane",
		args: []string{"registry", "serve", "--address", "{addr}"}},
	{name: "olareg", source: "github.com/olareg/olareg", main: "./cmd/olareg",
		args: []string{"serve", "--store-type", "mem", "--addr", "{host}", "--port", "{port}"}},
	{name: "distribution", source: "github.com/distribution/distribution/v3@v3.1.2", main: "./cmd/registry",
		args: []string{"serve", "{dir}/" + distributionFile}, env: []string{"REGISTRY_HTTP_ADDR={addr}", "OTEL_TRACES_EXPORTER=none"}},
}

const (
	distributionFile   = "distribution.yml"
	distributionConfig = "version: 0.1\nlog: {level: error}\nstorage: {inmemory: {}}\nhttp: {addr: 127.0.0.1:0}\n"
)

// builder builds programs into a folder.
type builder struct {
	dir   string
	flags []string
	env   []string
}

// release builds programs with the flags of release builds.
func release(dir string) builder {
	return builder{dir, []string{"-trimpath", "-ldflags=-s -w"}, []string{"CGO_ENABLED=0"}}
}

// subject returns a program as a subject of measurements. It is built on its first start.
func (b builder) subject(p program) subject {
	build := sync.OnceValues(func() (string, error) { return b.build(p) })
	return subject{p.name, func() (*server, error) {
		path, err := build()
		if err != nil {
			return nil, err
		}
		return p.launch(path, b.dir)
	}}
}

func (b builder) subjects(all []program) (subjects []subject) {
	for _, p := range all {
		subjects = append(subjects, b.subject(p))
	}
	return subjects
}

// build returns the path of the program.
func (b builder) build(p program) (string, error) {
	source, err := p.folder()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(b.dir, distributionFile), []byte(distributionConfig), 0o600); err != nil {
		return "", err
	}
	path := filepath.Join(b.dir, strings.ReplaceAll(p.name, " ", "-"))
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	args := append([]string{"build", "-C", source, "-o", path}, b.flags...)
	_, err = goCommand(b.env, append(args, p.main)...)
	return path, err
}

// folder returns the directory of the sources. It downloads modules.
func (p program) folder() (string, error) {
	if strings.HasPrefix(p.source, ".") {
		return p.source, nil
	}
	out, err := goCommand(nil, "mod", "download", "-json", p.source)
	if err != nil {
		return "", err
	}
	var module struct{ Dir string }
	err = json.Unmarshal(out, &module)
	return module.Dir, err
}

func goCommand(env []string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("go %s: %w\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return out, err
}
