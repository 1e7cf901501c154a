package registry

// StoreOf returns the store of a registry.
func StoreOf(g *Registry) Store { return g.store }
