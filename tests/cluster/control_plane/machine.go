package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// machine holds up what a real node runs in: a network, mount, process, IPC and host name namespace,
// and a cgroup. It changes no interface, firewall and mount of this machine. The first process of the
// namespaces is machine-inside; machine kills it when it ends, and the kernel then ends all others.
// What the kernel leaves, the cgroup and the folder, machine-cleanup removes.
//
// Once the namespaces are ready, FOLDER/machine.json names them.
func machine() error {
	runtime.LockOSThread() // the kernel takes the end of the thread that started a child for the parent's
	flags := pflag.NewFlagSet("machine", pflag.ContinueOnError)
	folder := flags.String("folder", "", "the node's own folder; removed in the end")
	flags.ParseErrorsAllowlist.UnknownFlags = true // those of machine-inside
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	if *folder == "" {
		return errors.New("--folder is missing")
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)

	cgroup := "node-" + strconv.Itoa(os.Getpid())
	cleanup, err := startCleanup(*folder, cgroup)
	if err != nil {
		return err
	}
	defer cleanup()
	if err := makeCgroup(cgroup); err != nil {
		return err
	}
	inside, ready, err := startInside()
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- inside.Wait() }()
	outside, err := io.ReadAll(ready)
	if err != nil || len(outside) == 0 {
		inside.Process.Kill()
		return errors.Join(errors.New("the namespaces could not be set up"), err, <-ended)
	}
	if err := writeMachine(*folder, inside.Process.Pid, string(outside), cgroup); err != nil {
		return err
	}
	select {
	case <-told:
		inside.Process.Kill()
		<-ended
		return nil
	case err := <-ended:
		return fmt.Errorf("the first process of the node ended: %v", err)
	}
}

// startCleanup starts the process that removes the cgroup and the folder once this one has ended,
// for any reason. It returns a function that waits until that is done.
func startCleanup(folder, cgroup string) (func(), error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	command := exec.Command("/proc/self/exe", "machine-cleanup", folder, cgroup)
	command.Stdin, command.Stderr = read, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return nil, err
	}
	read.Close()
	return func() {
		write.Close()
		command.Wait()
	}, nil
}

// machineCleanup waits until its input ends, and removes what a node leaves.
func machineCleanup() error {
	if len(os.Args) != 3 {
		return errors.New("usage: control_plane machine-cleanup FOLDER CGROUP")
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	io.Copy(io.Discard, os.Stdin)
	// The processes of the node may need a moment to die.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := errors.Join(removeCgroup(os.Args[2]), os.RemoveAll(os.Args[1]))
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// startInside starts the first process of the namespaces. The reader has the path of the outside
// network's file, seen from the new process, once all is set up, and nothing if that failed.
func startInside() (*exec.Cmd, io.Reader, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer write.Close()
	command := exec.Command("/proc/self/exe", append([]string{"machine-inside"}, os.Args[1:]...)...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.ExtraFiles = []*os.File{write}
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID |
			syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		Pdeathsig: syscall.SIGKILL,
	}
	return command, read, command.Start()
}

func writeMachine(folder string, pid int, outside, cgroup string) error {
	text, err := json.Marshal(map[string]any{
		"pid":     pid,
		"outside": fmt.Sprintf("/proc/%d/fd/%s", pid, outside),
		"cgroup":  "/" + cgroup,
	})
	if err != nil {
		return err
	}
	path := filepath.Join(folder, "machine.json")
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

const cgroups = "/sys/fs/cgroup"

// The controllers that the kubelet wants of version 2.
var unifiedControllers = []string{"cpuset", "cpu", "io", "memory", "pids"}

// makeCgroup makes a cgroup at the top: one in each hierarchy of version 1, or one of version 2 that
// has the controllers.
func makeCgroup(name string) error {
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); err == nil {
		return makeUnifiedCgroup(name)
	}
	hierarchies, _ := filepath.Glob(filepath.Join(cgroups, "*", "cgroup.procs"))
	if len(hierarchies) == 0 {
		return fmt.Errorf("no cgroups are mounted at %s", cgroups)
	}
	for _, procs := range hierarchies {
		if err := os.MkdirAll(filepath.Join(filepath.Dir(procs), name), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func makeUnifiedCgroup(name string) error {
	folder := filepath.Join(cgroups, name)
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	wanted := []byte("+" + strings.Join(unifiedControllers, " +"))
	for _, parent := range []string{cgroups, folder} {
		control := filepath.Join(parent, "cgroup.subtree_control")
		enabled, err := os.ReadFile(control)
		if err != nil {
			return err
		}
		if hasAll(strings.Fields(string(enabled)), unifiedControllers) {
			continue
		}
		err = os.WriteFile(control, wanted, 0)
		if errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("%s holds processes itself, so it cannot pass on its controllers: "+
				"move them into a cgroup below it, for example %s/init", parent, parent)
		}
		if err != nil {
			return fmt.Errorf("cannot enable %s in %s: %w", wanted, control, err)
		}
	}
	return nil
}

func hasAll(list, wanted []string) bool {
	for _, each := range wanted {
		found := false
		for _, other := range list {
			found = found || other == each
		}
		if !found {
			return false
		}
	}
	return true
}

// removeCgroup removes a cgroup with all below it, the innermost first. It fails while a process is
// in it.
func removeCgroup(name string) error {
	found, _ := filepath.Glob(filepath.Join(cgroups, "*", name))
	var failed error
	for _, top := range append(found, filepath.Join(cgroups, name)) {
		var folders []string
		filepath.WalkDir(top, func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				folders = append(folders, path)
			}
			return nil
		})
		for i := len(folders) - 1; i >= 0; i-- {
			if err := syscall.Rmdir(folders[i]); err != nil && !errors.Is(err, syscall.ENOENT) {
				failed = fmt.Errorf("%s: %w", folders[i], err)
			}
		}
	}
	return failed
}
