// Command probe tries connections. `probe serve ADDRESS...`, for example tcp:8080 or udp:53, answers
// there in a pod. `probe connect` reads flows as JSON from its input, tries all of them at once, each
// from the network that has the flow's own address, and prints what became of each.
package main

import (
	"fmt"
	"os"
)

func main() {
	var err error
	switch {
	case len(os.Args) > 2 && os.Args[1] == "serve":
		err = serve(os.Args[2:])
	case len(os.Args) > 2 && os.Args[1] == "connect":
		err = connect(os.Args[2:])
	default:
		fmt.Fprintln(os.Stderr, "usage: probe serve tcp:PORT|udp:PORT... | probe connect NETWORKS...")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}
