"""HTTP faces of control: the API, the pages, and the link to outposts."""
