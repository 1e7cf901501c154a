//go:build unix

package exam

import (
	"os/exec"
	"syscall"
)

// ownGroup makes a command the leader of a process group.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills the processes of a group. There may be none.
func killGroup(leader int) { _ = syscall.Kill(-leader, syscall.SIGKILL) }
