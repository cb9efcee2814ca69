package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// forward passes connections from one network to another: it listens in the first, dials from
// the second, and each is named by a file such as /proc/PID/ns/net. Nothing else joins the two.
// With a certificate it is TLS that it listens for, and plain TCP that it passes on.
func forward() error {
	flags := pflag.NewFlagSet("forward", pflag.ContinueOnError)
	from := flags.String("from-network", "/proc/self/ns/net", "where it listens")
	listen := flags.String("listen", "127.0.0.1:0", "")
	to := flags.String("to-network", "/proc/self/ns/net", "where it dials from")
	dial := flags.String("dial", "", "")
	certificate := flags.String("tls-cert-file", "", "")
	key := flags.String("tls-private-key-file", "", "")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	if *dial == "" {
		return errors.New("--dial is missing")
	}
	// Opened now: the processes that they are named by may be gone later.
	network, err := os.Open(*to)
	if err != nil {
		return err
	}
	here, err := os.Open(*from)
	if err != nil {
		return err
	}
	var listener net.Listener
	err = within(here, func() (err error) {
		listener, err = net.Listen("tcp4", *listen)
		return err
	})
	if err != nil {
		return err
	}
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		if err != nil {
			return err
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	fmt.Println(listener.Addr())
	for {
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go pass(client, network, *dial)
	}
}

// within does something in a network. The thread is never used again for anything else.
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

func pass(client net.Conn, network *os.File, address string) {
	defer client.Close()
	var server net.Conn
	err := within(network, func() (err error) {
		server, err = net.Dial("tcp4", address)
		return err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, client)
		server.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(client, server)
}
