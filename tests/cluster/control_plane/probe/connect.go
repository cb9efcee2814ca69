package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A datagram that is dropped leaves no other trace than that no answer comes.
const patience = 2 * time.Second

// flow is one connection to try: from the network that has an address, to an address and port.
type flow struct {
	From     string `json:"from"`
	Protocol string `json:"protocol"`
	To       string `json:"to"`
}

// connect reads a JSON array of flows, and prints an array with an outcome for each: `open`,
// `refused`, `silent`, or another error. Each of
// NETWORKS is a pattern of files that are network namespaces.
func connect(networks []string) error {
	var flows []flow
	if err := json.NewDecoder(os.Stdin).Decode(&flows); err != nil {
		return err
	}
	files, err := byAddress(networks)
	if err != nil {
		return err
	}
	outcomes := make([]string, len(flows))
	var running sync.WaitGroup
	for i, each := range flows {
		file := files[each.From]
		if file == nil {
			return fmt.Errorf("no network has the address %s", each.From)
		}
		running.Add(1)
		go func() {
			defer running.Done()
			outcomes[i] = try(file, each)
		}()
	}
	running.Wait()
	return json.NewEncoder(os.Stdout).Encode(outcomes)
}

// byAddress opens the networks, and returns each by its addresses.
func byAddress(patterns []string) (map[string]*os.File, error) {
	var paths []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	files := map[string]*os.File{}
	for _, path := range paths {
		file, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // its pod has gone since
		}
		if err != nil {
			return nil, err
		}
		// A pod that ends may leave a file that is no network any more.
		within(file, func() error {
			addresses, err := net.InterfaceAddrs()
			for _, address := range addresses {
				if network, is := address.(*net.IPNet); is && !network.IP.IsLoopback() {
					files[network.IP.String()] = file
				}
			}
			return err
		})
	}
	return files, nil
}

func try(network *os.File, each flow) string {
	var socket net.Conn
	err := within(network, func() (err error) {
		dialer := net.Dialer{Timeout: patience, LocalAddr: localAddress(each)}
		socket, err = dialer.Dial(each.Protocol+"4", each.To)
		return err
	})
	if err != nil {
		return outcomeOf(err)
	}
	defer socket.Close()
	socket.SetDeadline(time.Now().Add(patience))
	if each.Protocol == "udp" {
		if _, err := socket.Write([]byte("there")); err != nil {
			return outcomeOf(err)
		}
	}
	if _, err := socket.Read(make([]byte, len(answer))); err != nil {
		return outcomeOf(err)
	}
	return "open"
}

// localAddress makes the flow come from its own address where the network has several.
func localAddress(each flow) net.Addr {
	if each.Protocol == "udp" {
		return &net.UDPAddr{IP: net.ParseIP(each.From)}
	}
	return &net.TCPAddr{IP: net.ParseIP(each.From)}
}

func outcomeOf(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "silent"
	default:
		return err.Error()
	}
}

// within does something in a network. The thread is never used for anything else afterwards.
func within(network *os.File, do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- do()
	}()
	return <-done
}
