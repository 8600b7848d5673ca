package cli

import (
	"slices"
	"strings"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/all"
)

// contract is the contract of a topic, nil when it has none.
func contract(topic string) *schemas.Info {
	for _, info := range all.Topics() {
		if info.Name == topic {
			return info
		}
	}
	return nil
}

// shortName is the name part of a topic name: product-sales.
func shortName(topic string) string {
	parts := strings.Split(topic, ".")
	if len(parts) == 6 {
		return parts[3]
	}
	return topic
}

// productName is the last part of a product id:
// urn:meshwork:product:orderproc.order-processing-update gives
// order-processing-update.
func productName(id string) string {
	id = id[strings.LastIndexByte(id, ':')+1:]
	return id[strings.LastIndexByte(id, '.')+1:]
}

// resolve turns the name of a topic, of a data product or the short name of a
// topic into a topic. Several that fit are an error that names them; a name
// that none has is taken for a topic without a contract.
func resolve(name string) (string, error) {
	if strings.Contains(name, ".") || strings.HasPrefix(name, "_") {
		return name, nil
	}
	var byTopic, byProduct []*schemas.Info
	for _, info := range all.Topics() {
		switch {
		case shortName(info.Name) == name:
			byTopic = append(byTopic, info)
		case productName(info.Product) == name:
			byProduct = append(byProduct, info)
		}
	}
	for _, found := range [][]*schemas.Info{byTopic, byProduct} {
		if len(found) == 1 {
			return found[0].Name, nil
		}
		if states := slices.DeleteFunc(slices.Clone(found), func(i *schemas.Info) bool { return i.Kind != schemas.State }); len(states) == 1 {
			return states[0].Name, nil
		}
		if len(found) > 1 {
			return "", usagef("%s has several topics, name one: %s", name, strings.Join(topicNames(found), ", "))
		}
	}
	return name, nil // a topic without a contract
}

func topicNames(infos []*schemas.Info) []string {
	names := make([]string, len(infos))
	for i, info := range infos {
		names[i] = info.Name
	}
	return names
}

// known lists the short names that resolve takes.
func known() []string {
	var names []string
	for _, info := range all.Topics() {
		names = append(names, shortName(info.Name))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
