package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// launch is the cost of starting a program, in seconds and bytes.
type launch struct {
	ready    float64 // until the first ping with status 200
	cpu      float64 // CPU time until ready
	resident float64 // resident memory when ready; 0 if unknown
	size     float64 // size of the executable file
}

// errNotTold is the result if the system does not provide a figure.
var errNotTold = errors.New("the system does not tell")

// launched compares programs that are started and stopped alternately.
func launched(base subject, figure func(*launch) float64) comparison {
	once := func(s subject) func() (float64, error) {
		return func() (float64, error) {
			running, err := s.start()
			if err != nil {
				return 0, fmt.Errorf("start %s: %w", s.name, err)
			}
			if err := running.close(); err != nil {
				return 0, err
			}
			if f := figure(running.launch); f > 0 {
				return f, nil
			}
			return 0, errNotTold
		}
	}
	return func(s subject, more func() bool) ([]pair, error) {
		return inTurns(once(base), once(s), more)
	}
}

// patienceAtStart is the maximum time until a program is ready.
const patienceAtStart = time.Minute

// launch starts a program and returns when it is ready. Its figures are complete after it is
// closed.
func (p program) launch(path, dir string) (*server, error) {
	file, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	cmd, err := p.command(path, dir, addr)
	if err != nil {
		return nil, err
	}
	took := &launch{size: float64(file.Size())}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // see ProcessState
		close(ended)
	}()
	s := &server{url: "http://" + addr, launch: took, close: func() error {
		err := cmd.Process.Kill()
		<-ended
		took.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		return err
	}}
	if err := awaitReady(s.url+pingPath, ended); err != nil {
		_ = s.close() // it may have ended
		return nil, fmt.Errorf("%s: %v: %w", cmd, cmd.ProcessState, err)
	}
	took.ready = time.Since(begin).Seconds()
	took.resident = residentBytes(cmd.Process.Pid)
	return s, nil
}

// command returns the command line of a program that listens on an address.
func (p program) command(path, dir, addr string) (*exec.Cmd, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	fill := strings.NewReplacer("{addr}", addr, "{host}", host, "{port}", port, "{dir}", dir)
	cmd := exec.Command(path)
	for _, arg := range p.args {
		cmd.Args = append(cmd.Args, fill.Replace(arg))
	}
	cmd.Env = os.Environ()
	for _, variable := range p.env {
		cmd.Env = append(cmd.Env, fill.Replace(variable))
	}
	return cmd, nil
}

// freeAddr returns an unused address.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// awaitReady polls a program until it responds with 200 or exits.
func awaitReady(url string, ended <-chan struct{}) error {
	const pause = 100 * time.Microsecond // so short that it does not count
	ctx, cancel := context.WithTimeout(context.Background(), patienceAtStart)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	for {
		err := ask(ctx, &client, url)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return errors.New("it has ended")
		case <-ctx.Done():
			return fmt.Errorf("it does not become ready: %w", err)
		case <-time.After(pause):
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return statusError(res.StatusCode)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

var residentLine = regexp.MustCompile(`(?m)^VmRSS:\s*(\d+) kB$`)

// residentBytes returns the resident memory of a process, on Linux.
func residentBytes(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	m := residentLine.FindSubmatch(text)
	if m == nil {
		return 0
	}
	kib, _ := strconv.ParseFloat(string(m[1]), 64) // digits
	return kib * 1024
}
