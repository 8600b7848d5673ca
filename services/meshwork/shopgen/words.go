package shopgen

var (
	colours   = [...]string{"red", "blue", "ivory", "green", "black", "silver", "rose", "amber"}
	things    = [...]string{"lantern", "mug", "cake stand", "bunting", "lunch bag", "hook", "candle", "notebook", "clock", "tea towel", "basket", "doormat"}
	streets   = [...]string{"Mill Lane", "High Street", "Church Road", "Station Road", "Park Avenue", "Harbour Walk"}
	cities    = [...]string{"London", "Leeds", "Bristol", "Cardiff", "Glasgow", "Norwich", "York"}
	countries = [...]string{"United Kingdom", "Germany", "France", "EIRE", "Netherlands", "Switzerland"}
)
