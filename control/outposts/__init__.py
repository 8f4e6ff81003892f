"""Control's end of the link: what outposts may know, are told, and answer."""
