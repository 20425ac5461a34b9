// The application's own user: the root user of the image is for nobody else.
db.getSiblingDB("dynaform").createUser({
  user: "dynaform",
  pwd: process.env.MONGODB_PASSWORD,
  roles: [{ role: "readWrite", db: "dynaform" }],
});
