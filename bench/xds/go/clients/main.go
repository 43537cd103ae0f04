// Simulates Envoys: many delta ADS streams, each over a connection of its own, that subscribe as Envoy does and ACK every
// response. Commands come on stdin, one a line; each is answered by one line of JSON on stdout:
//
//	sync       opens all streams; done when each holds every resource
//	reconnect  cuts all connections and opens them again with the versions held; done when each server has answered
//	totals     bytes and messages so far
//	verify     fails unless all streams hold the same versions of all resources
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"

	"signalbox.dev/bench/xds/table"
)

func main() {
	address := flag.String("address", "127.0.0.1:18000", "the xDS server")
	tableFile := flag.String("table", "", "the resources that it serves")
	streams := flag.Int("streams", 1000, "how many Envoys to be")
	loading := flag.Int("loading", 100, "how many of them may load their table at the same time, which bounds the memory of this process")
	flag.Parse()
	entries, err := table.Read(*tableFile)
	if err != nil {
		log.Fatal(err)
	}
	fleet := newFleet(*address, newIndex(entries), *streams, *loading)
	commands := map[string]func() (any, error){
		"sync":      fleet.sync,
		"reconnect": fleet.reconnect,
		"totals":    func() (any, error) { return fleet.totals(), nil },
		"verify":    fleet.verify,
	}
	fmt.Println(`{"ready":true}`)
	output := json.NewEncoder(os.Stdout)
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		run, ok := commands[input.Text()]
		if !ok {
			log.Fatalf("unknown command %q", input.Text())
		}
		answer, err := run()
		if err != nil {
			log.Fatalf("%s: %v", input.Text(), err)
		}
		output.Encode(answer)
	}
}
